"""The cheap look at headers: it may be wrong about ordinary mail now and then, never about a report."""

import time

import pytest

from webmail.mime.headers import parse_header_block
from webmail.mime.reports.read import may_be_report


@pytest.mark.parametrize(
    "header",
    [
        b"Return-Path: <>\nFrom: a@b.example",
        b"From: MAILER-DAEMON",
        b"From: Mail Delivery Subsystem <x@b.example>",
        b"From: <Postmaster@b.example>",
        b"From: E500_SMTP_Mail_Service@b.example",
        b"From: x@b.example\nContent-Type: multipart/report; report-type=delivery-status",
        b"From: x@b.example\nX-Failed-Recipients: y@c.example",
        b"From: x@b.example\nAuto-Submitted: auto-replied",
        b"From: x@b.example\nSubject: Undeliverable: Hello",
        b"From: x@b.example\nSubject: failure notice",
        b"From: x@b.example\nSubject: =?utf-8?Q?Unzustellbar=3A_Hallo?=",
        b"From: x@b.example\nSubject: Warning: could not send message for past 4 hours",
    ],
)
def test_a_report_is_worth_a_look(header: bytes) -> None:
    assert may_be_report(parse_header_block(header + b"\n\n"))


@pytest.mark.parametrize(
    "header",
    [
        b"Return-Path: <ann@b.example>\nFrom: Ann <ann@b.example>\nSubject: Lunch",
        b"Return-Path: <ann@b.example>\nFrom: Ann <ann@b.example>\nSubject: Re: Undeliverable: Lunch",
        b"From: Ann <ann@b.example>\nSubject: Re: failure notice\nAuto-Submitted: no",
        b"From: Daemon Smith <smith@b.example>\nSubject: My mail server\nContent-Type: multipart/mixed; boundary=x",
        b"",
    ],
)
def test_ordinary_mail_is_not(header: bytes) -> None:
    assert not may_be_report(parse_header_block(header + b"\n\n"))


def test_the_look_is_cheap_on_ordinary_mail() -> None:
    headers = parse_header_block(
        b"Return-Path: <ann@b.example>\nFrom: Ann Lee <ann@b.example>\nTo: bob@c.example\nSubject: Lunch on Friday?\n"
        b"Content-Type: text/plain; charset=utf-8\nMessage-ID: <1@b.example>\n\n"
    )
    started = time.process_time()
    for _ in range(1_000):
        may_be_report(headers)
    # Measured: 15 microseconds each.
    assert time.process_time() - started < 0.5

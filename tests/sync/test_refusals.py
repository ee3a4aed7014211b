"""The table of what refusals ask of us: every code of RFC 5530, and what servers say without one."""

import pytest

from webmail.protocols.errors import CertificateRefused, ConnectionLost, DeadlineExceeded, ServerMisbehaved
from webmail.protocols.imap.response_codes import goodbye, refusal
from webmail.sync.refusals import Act, decide, ends_session, is_sending_limit, is_too_many_connections

CODES = [
    ("UNAVAILABLE", Act.RETRY),
    ("AUTHENTICATIONFAILED", Act.STOP),
    ("AUTHORIZATIONFAILED", Act.STOP),
    ("EXPIRED", Act.STOP),
    ("PRIVACYREQUIRED", Act.STOP),
    ("CONTACTADMIN", Act.STOP),
    ("NOPERM", Act.TELL),
    ("INUSE", Act.RETRY),
    ("EXPUNGEISSUED", Act.LOOK_AGAIN),
    ("CORRUPTION", Act.TELL),
    ("SERVERBUG", Act.RETRY),
    ("CLIENTBUG", Act.TELL),
    ("CANNOT", Act.TELL),
    ("LIMIT", Act.SLOW_DOWN),
    ("OVERQUOTA", Act.TELL),
    ("ALREADYEXISTS", Act.LOOK_AGAIN),
    ("NONEXISTENT", Act.LOOK_AGAIN),
    ("TRYCREATE", Act.LOOK_AGAIN),
    ("HASCHILDREN", Act.TELL),
]


@pytest.mark.req("R83")
@pytest.mark.parametrize(("code", "act"), CODES)
def test_each_code_has_its_decision(code, act):
    assert decide(refusal("COPY", f"[{code}] no".encode())).act is act


@pytest.mark.req("R83")
@pytest.mark.parametrize("code", ["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"])
def test_only_a_new_password_helps(code):
    assert decide(refusal("the login", f"[{code}] no".encode(), is_login=True)).needs_password


@pytest.mark.req("R83")
@pytest.mark.parametrize(
    ("error", "act"),
    [
        (refusal("STORE", b"I would rather not"), Act.TELL),
        (refusal("STORE", b"[ALERT] The system goes down soon"), Act.TELL),
        (goodbye(b"[UNAVAILABLE] restart"), Act.RETRY),
        (goodbye(b"Autologout"), Act.RETRY),
        (goodbye(b"Too many connections from your IP address"), Act.SLOW_DOWN),
        (ConnectionLost("gone"), Act.RETRY),
        (DeadlineExceeded("slow"), Act.RETRY),
        (ServerMisbehaved("nonsense"), Act.SLOW_DOWN),
        (CertificateRefused("expired"), Act.STOP),
        (OSError("ours"), Act.RETRY),
    ],
)
def test_answers_without_code_have_one_too(error, act):
    assert decide(error).act is act


@pytest.mark.req("R83")
def test_alert_text_is_kept_for_the_user():
    assert refusal("STORE", b"[ALERT] The system goes down soon").server_text == "The system goes down soon"


@pytest.mark.req("Y81")
@pytest.mark.parametrize(
    "text",
    [
        b"Too many simultaneous connections. (Failure)",
        b"[UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        b"[LIMIT] Too many connections",
    ],
)
def test_too_many_connections_are_no_wrong_password(text):
    error = refusal("the login", text, is_login=True)

    assert is_too_many_connections(error, at_login=True)
    assert not decide(error).needs_password


@pytest.mark.parametrize(
    ("enhanced", "text"),
    [
        ("5.4.5", "Daily user sending limit exceeded. For more information on Gmail sending limits go to"),
        ("4.7.28", "Our system has detected an unusual rate of unsolicited mail"),
        ("5.1.90", "Your message can't be sent because you've reached your daily limit for message recipients"),
        ("5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
        ("", "Error: hourly limit exceeded for this account"),
        ("4.7.1", "Rate limit reached, try again later"),
        ("", "You have exceeded 300 messages per hour"),
    ],
)
@pytest.mark.req("R76")
def test_what_says_that_the_account_has_sent_enough(enhanced, text):
    assert is_sending_limit(enhanced, text)


@pytest.mark.parametrize(
    ("enhanced", "text"),
    [
        ("5.1.1", "no such user"),
        ("4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents additional messages"),
        ("5.2.2", "mailbox is full"),
        ("4.5.3", "too many recipients"),
        ("5.3.4", "message size exceeds fixed limit"),
        ("4.5.3", "message limit of this session reached, rate limit per connection"),
    ],
)
@pytest.mark.req("R76")
def test_what_concerns_one_message_or_one_connection_holds_nobody_up(enhanced, text):
    assert not is_sending_limit(enhanced, text)


def test_limits_of_one_connection_are_told_apart():
    assert ends_session("too many messages in this session")
    assert not ends_session("try again later")

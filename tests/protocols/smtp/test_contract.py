"""R65 as a contract: whatever a server says, "sent", "certainly not sent" and "nobody knows" are never mixed up."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.protocols.loopback import Peer, serving
from tests.protocols.smtp.conversations import TO_ONE
from tests.protocols.smtp.scripted_server import FRIENDLY, UNKNOWN, Answer, ScriptedSmtp
from webmail.protocols.errors import ProtocolError, ServerError
from webmail.protocols.smtp import body, timeouts
from webmail.protocols.smtp.replies import Reply
from webmail.protocols.smtp.session import LiveSmtpSession, open_session

RAW = b"Subject: contract\r\n\r\n" + b".a line\r\n" * 100
STEPS = ("MAIL", "RCPT", "DATA", "BDAT", "dot", "RSET")
OFFERS = (
    b"250 mail.example.org\r\n",
    b"250-mail.example.org\r\n250 PIPELINING\r\n",
    b"250-mail.example.org\r\n250 CHUNKING\r\n",
    b"250-mail.example.org\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
)
TWICE, TOO_LARGE = b"250 ok\r\n250 ok\r\n", b"552 5.3.4 large\r\n"
SAYINGS = (
    b"250 2.0.0 ok\r\n",
    b"250-more\r\n250 ok\r\n",
    TWICE,
    b"250 ok\r\n421 4.3.2 closing\r\n",
    b"220 hello\r\n",
    b"354 go ahead\r\n",
    b"354 go ahead\r\n250 ok\r\n",
    b"421 4.3.2 closing\r\n",
    b"451 4.3.0 later\r\n",
    b"500 what\r\n",
    b"503 order\r\n",
    TOO_LARGE,
    b"nonsense\r\n",
    b"25",
    b"",
    None,
)


def script_of(
    sayings: dict[str, list[bytes | None]], *, resets: frozenset[str], ends: list[bytes | None]
) -> dict[str, Answer]:
    """Each step says its sayings in turn and is friendly afterwards; `ends` is filled with what whole messages were told."""

    def answer(step: str) -> Answer:
        left = list(sayings.get(step, ()))

        def say(peer: Peer, line: bytes) -> bytes | None:
            said = left.pop(0) if left else FRIENDLY[step]
            if step == "dot":
                ends.append(said)
            if said is None and step in resets:
                peer.reset()
            return said

        return say

    return {step: answer(step) for step in STEPS}


def converse(session: LiveSmtpSession) -> tuple[str, Reply | None]:
    """All phases of a message; what the caller may conclude."""
    try:
        if not session.send_envelope(TO_ONE, size_bytes=len(RAW), body_8bit=False).accepted:
            return "not sent", None
        if not session.start_data().is_positive:
            return "not sent", None
        session.write_body(RAW)
    except ProtocolError:
        return "not sent", None
    try:
        reply = session.finish_data()
    except ServerError:
        return "not sent", None
    except ProtocolError:
        return "nobody knows", None
    return ("sent" if reply.is_positive else "refused"), reply


@pytest.mark.req("R65")
@pytest.mark.req("R40")
@pytest.mark.fault("F2")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sayings=st.dictionaries(
        st.sampled_from(STEPS), st.lists(st.sampled_from(SAYINGS), min_size=1, max_size=3), min_size=1, max_size=3
    ),
    offer=st.sampled_from(OFFERS),
    resets=st.frozensets(st.sampled_from(STEPS)),
    knows_bdat=st.booleans(),
)
@example(sayings={"dot": [TWICE, TOO_LARGE]}, offer=OFFERS[2], resets=frozenset(), knows_bdat=True)
@example(sayings={"BDAT": [TWICE], "dot": [TOO_LARGE]}, offer=OFFERS[2], resets=frozenset(), knows_bdat=True)
@example(sayings={"DATA": [SAYINGS[6]], "dot": [TOO_LARGE]}, offer=OFFERS[0], resets=frozenset(), knows_bdat=True)
@example(sayings={"dot": [None]}, offer=OFFERS[3], resets=frozenset({"dot"}), knows_bdat=True)
def test_whatever_the_server_says_nothing_is_taken_for_sent_or_unsent_that_is_not(
    sayings: dict[str, list[bytes | None]], offer: bytes, resets: frozenset[str], knows_bdat: bool
) -> None:
    ends: list[bytes | None] = []
    script = ScriptedSmtp(
        {**script_of(sayings, resets=resets, ends=ends), "EHLO": offer, **({} if knows_bdat else {"BDAT": UNKNOWN})}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeouts, "SCALE", 0.0003)  # a reply within 0.09 s
        patch.setattr(body, "CHUNK_BYTES", 200)
        patch.setattr(body, "LAST_CHUNK_BYTES", 100)
        with serving(script) as server:
            session = open_session(server.endpoint(), None, ehlo_name="client.example.org")
            outcomes: list[str] = []
            for _ in range(2):  # the second message must not be answered with what is left of the first
                before = len(script.messages)
                outcome, reply = converse(session)
                outcomes.append(outcome)
                received = len(script.messages) - before
                assert outcome != "not sent" or received == 0
                assert outcome not in {"sent", "refused"} or received == 1
                if outcome == "sent":
                    assert reply is not None
                    assert reply.code // 100 == 2
                    assert (ends[-1] or b"")[:1] == b"2"
                if outcome == "refused":
                    assert (ends[-1] or b"")[:1] in b"45"
                if outcome in {"nobody knows", "not sent"}:
                    break
            session.quit()
            assert session.is_closed
    # Once the server has read everything that was written.
    answered = outcomes.count("sent") + outcomes.count("refused")
    assert answered <= len(script.messages) <= answered + outcomes.count("nobody knows")
    assert all(b".a line\r\n" in message for message in script.messages)

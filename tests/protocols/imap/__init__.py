import pytest

# The contract's module has no test_ in its name: without this its asserts would not say what they saw.
pytest.register_assert_rewrite("tests.protocols.imap.contract")

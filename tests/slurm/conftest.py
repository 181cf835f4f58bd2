"""The contract is no test module of its own, and its assertions are to be told as a test's are."""

import pytest

pytest.register_assert_rewrite("runners.contract")

"""What every tier shares: a helper's assertion says what it compared, as a test's does."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.unit", "tests.engine", "tests.cluster", "tests.graph_rules", "tests.workbench")

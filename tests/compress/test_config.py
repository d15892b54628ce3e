"""Settings are refused by name, with the legal values."""

import subprocess
import sys

import pytest

from wattloop.compress.config import CompressConfig
from wattloop.errors import ConfigError


@pytest.mark.parametrize(
    ("field", "value", "legal"),
    [
        ("ratios", (), "at least one"),
        ("ratios", (0.3, 1.0), "0 <= ratio < 1"),
        ("ratios", (float("nan"),), "0 <= ratio < 1"),
        ("set_sizes", (1,), "2 to 256"),
        ("set_sizes", (128,), "k_limit"),
        ("k_init", 1, "2 to k_limit"),
        ("k_limit", 300, "256"),
        ("delta", -0.1, "accuracy points"),
        ("epsilon", 0.0, "more than 0"),
        ("energy_weight", 1.5, "0 to 1"),
        ("learning_rate", 0.0, "more than 0"),
        ("rescored", 0, "1 or more"),
        ("recoveries", -1, "0 or more"),
        ("scoring", "taylor", "'fisher', 'accuracy'"),
        ("delta_split", "even", "'global', 'by_energy'"),
        ("scope", "linear", "'conv', 'all'"),
    ],
)
def test_an_illegal_setting_is_refused_with_the_legal_values(field: str, value: object, legal: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CompressConfig(**{field: value})
    assert legal in str(caught.value) or field in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_defaults_are_those_of_the_paper() -> None:
    config = CompressConfig()
    assert config.ratios == (0.3, 0.5, 0.7)
    assert config.set_sizes == (32, 24, 16)
    assert config.k_init == 32


def test_the_settings_can_be_read_without_torch() -> None:
    code = "import sys, wattloop.compress.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

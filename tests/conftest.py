import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed",
        type=int,
        default=1,
        help="everything random in the simulator tests is drawn from it (default 1)",
    )

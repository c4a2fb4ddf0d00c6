from __future__ import annotations

import logging

import pytest


@pytest.fixture
def logged():
    """The messages that the package logs, as a list that grows."""
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, listener, level = logging.getLogger("deepmd_tf"), Listener(), logging.getLogger("deepmd_tf").level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    yield messages
    logger.removeHandler(listener)
    logger.setLevel(level)

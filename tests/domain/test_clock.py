"""A process's clock follows the time that passes, even when the machine's clock is set."""

from __future__ import annotations

import time

from common.clock import SystemClock

DAY_NS = 86_400_000_000_000


def test_system_clock_starts_at_the_machines_time():
    assert abs(SystemClock().now_ms() - time.time() * 1_000) < 100


def test_setting_the_machines_clock_does_not_move_the_system_clock(monkeypatch):
    clock, true_ns = SystemClock(), time.time_ns
    before_ms = clock.now_ms()

    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + DAY_NS)

    assert 0 <= clock.now_ms() - before_ms < 1_000


def test_system_clock_never_goes_back():
    clock = SystemClock()
    instants = [clock.now_ms() for _ in range(10_000)]

    assert instants == sorted(instants)

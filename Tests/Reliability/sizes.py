"""How much of everything: the short form is part of `make test`, the long one is `make torture`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Rounds and cases of each class of checks."""

    name: str
    kill_rounds: int
    start_kill_rounds: int
    crash_point_stride: int
    starting_positions: int
    import_rounds: int
    fault_positions: tuple
    cache_rounds: int
    power_rounds: int
    clock_rounds: int
    damage_seeds: int
    control_rounds: int


SHORT = Sizes(
    name="short", kill_rounds=5, start_kill_rounds=1, crash_point_stride=13, starting_positions=3, import_rounds=1, fault_positions=(1, 6),
    cache_rounds=3, power_rounds=1, clock_rounds=2, damage_seeds=1, control_rounds=1)
TORTURE = Sizes(
    name="torture", kill_rounds=200, start_kill_rounds=30, crash_point_stride=1, starting_positions=25, import_rounds=15,
    fault_positions=(1, 2, 5, 34), cache_rounds=60, power_rounds=40, clock_rounds=20, damage_seeds=1,
    control_rounds=3)

"""How much of everything: the short form is part of `make test`, the long one is `make torture`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Rounds and cases of each class of checks."""

    name: str
    kill_rounds: int
    nth_call_rounds: int
    crash_point_stride: int
    starting_positions: int
    import_rounds: int
    import_events: int
    fault_positions: tuple
    cache_rounds: int
    power_rounds: int
    clock_rounds: int
    lake_kills: int
    upkeep_kills: int
    checkpoint_kills: int
    warehouse_kills: int
    batch_kills: int


SHORT = Sizes(
    name="short", kill_rounds=5, nth_call_rounds=3, crash_point_stride=13, starting_positions=2, import_rounds=1,
    import_events=20_000, fault_positions=(1, 6), cache_rounds=2, power_rounds=1, clock_rounds=2,
    lake_kills=6, upkeep_kills=4, checkpoint_kills=10, warehouse_kills=4, batch_kills=6)
TORTURE = Sizes(
    name="torture", kill_rounds=200, nth_call_rounds=90, crash_point_stride=1, starting_positions=25, import_rounds=12,
    import_events=60_000, fault_positions=(1, 2, 5, 34), cache_rounds=60, power_rounds=40, clock_rounds=20,
    lake_kills=240, upkeep_kills=120, checkpoint_kills=200, warehouse_kills=60,
    batch_kills=50)

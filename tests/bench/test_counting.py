"""The bench counts right, names who sent something else, and promises nothing that no row measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench.contestants import OURS, Cannot, Contestant, Done
from bench.growing import Curve
from bench.material import Material
from bench.measuring import Ground, Limit, Pace, Ratio, Rival, Row, Skipped, Spread

from bench import chart, checking, contestants, measuring, ours, report, rows

PACE = Pace(rounds=3, seconds=0.001, first_warming=0, warming=0, quick=True)
ROW = Row("single", "mails", "single", "", (Rival("slow", 3.0), Rival("quick", 3.0)), most=10)


class Clockwork(Contestant):
    """A contestant who needs as many seconds for a mail as he is told."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, [], None)
        self._seconds = seconds

    def do(self, work: str, port: int = 0, count: int = 1, **_options: object) -> Done:
        if work != "single":
            raise Cannot(f"does not do {work}")
        return Done(count * self._seconds, 0.0, count, {})


@pytest.fixture
def material(tmp_path: Path) -> Material:
    made = Material(tmp_path)
    made.write()
    return made


@pytest.fixture
def field(material: Material) -> Iterator[dict[str, Contestant]]:
    some = {name: contestants.fresh(name, material.folder, None) for name in (OURS, "smtplib")}
    yield some
    for contestant in some.values():
        contestant.end()


def ratios(field: Mapping[str, Contestant], row: Row = ROW) -> dict[str, Ratio]:
    results = measuring.measure(row, Ground(None, Path()), field, PACE)
    return {result.rival: result for result in results if isinstance(result, Ratio)}


def test_a_spread_is_the_median_with_the_least_and_the_most() -> None:
    spread = Spread.of([5.0, 1.0, 2.0])

    assert (spread.middle, spread.low, spread.high) == (2.0, 1.0, 5.0)


class Counting(Clockwork):
    """One who remembers how many mails he was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 0.0005)
        self.counts: list[int] = []

    def do(self, work: str, port: int = 0, count: int = 1, **_options: object) -> Done:
        self.counts.append(count)
        return super().do(work, port, count)


def test_a_row_of_a_whole_list_is_read_as_a_whole_except_by_whoever_goes_one_by_one() -> None:
    row = Row("list", "", "single", "", (Rival("list"), Rival("each", few=True)), most=500, whole=True)
    field = {name: Counting(name) for name in (OURS, "list", "each")}

    ratios(field, row)

    assert set(field[OURS].counts) == set(field["list"].counts) == {500}
    assert max(field["each"].counts) < 500


def test_a_ratio_is_ours_over_theirs_and_met_from_its_floor_on() -> None:
    measured = ratios(
        {OURS: Clockwork(OURS, 0.001), "slow": Clockwork("slow", 0.004), "quick": Clockwork("quick", 0.002)}
    )

    assert measured["slow"].ratio.middle == pytest.approx(4.0)
    assert measured["slow"].met is True
    assert measured["quick"].ratio.middle == pytest.approx(2.0)
    assert measured["quick"].met is False


def test_who_cannot_do_a_work_is_said_and_left_out() -> None:
    row = Row("single", "mails", "single", "", (Rival("slow", 3.0, work="another"),), most=10)

    results = measuring.measure(
        row, Ground(None, Path()), {OURS: Clockwork(OURS, 1), "slow": Clockwork("slow", 1)}, PACE
    )

    assert results == [Skipped("single", "slow: does not do another")]


def test_a_ceiling_is_met_up_to_itself() -> None:
    assert Limit("latency", "", Spread.of([1.0]), "", 1.0).met is True
    assert Limit("latency", "", Spread.of([1.1]), "", 1.0).met is False
    assert Limit("latency", "", Spread.of([1.1]), "", None).met is None


def test_ready_made_mails_are_a_thousand_different_ones_of_one_kilobyte(material: Material) -> None:
    mails = material.ready()

    assert len(set(mails)) == 1000
    assert {len(mail) for mail in mails} == {1024}
    assert all(mail.count(b"\n") == mail.count(b"\r") == mail.count(b"\r\n") for mail in mails)
    assert all(mail.endswith(b"\r\n") for mail in mails)


def test_every_work_of_every_row_is_one_that_we_do(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    done: dict[str, object] = {}
    monkeypatch.setattr(ours, "play", done.update)

    ours.main()

    assert {row.work for row in rows.rows(material, Path())} <= set(done)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["ready", "single"])
def test_what_is_sent_is_what_was_to_be_sent(work: str, material: Material, field: dict[str, Contestant]) -> None:
    row = Row(work, "", work, "pipelining", (Rival("smtplib"),))

    assert checking.check(row, Ground(None, material.folder), field, material) == {}


@pytest.mark.slow
def test_built_mails_are_read_again(material: Material, field: dict[str, Contestant]) -> None:
    row = Row("merge, built", "", "merge-built", "pipelining", (Rival("smtplib", work="merge"),))

    assert checking.check(row, Ground(None, material.folder), field, material) == {}


@pytest.mark.slow
def test_who_sends_something_else_is_named(material: Material, field: dict[str, Contestant]) -> None:
    row = Row("single", "", "single", "pipelining", (Rival("smtplib"),))
    other = Material(material.folder / "other")
    other.folder.mkdir()
    other.write()
    ready = other.folder / "ready.eml"
    ready.write_bytes(ready.read_bytes().replace(b"lazy", b"LAZY"))

    wrong = checking.check(row, Ground(None, material.folder), field, other)

    assert set(wrong) == {OURS, "smtplib"}
    assert "hash" in wrong["smtplib"]


def test_the_page_says_what_is_met_what_is_not_and_what_is_missing() -> None:
    measured = ratios(
        {OURS: Clockwork(OURS, 0.001), "slow": Clockwork("slow", 0.004), "quick": Clockwork("quick", 0.002)}
    )
    results = [*measured.values(), Skipped("ten-sessions", "nobody came")]

    page = report.write(results, [Curve("Mails", "mails")], {"Core": "1"}, {}, {"JavaMail": "no java"}, {}, 4, "make")

    assert "1 of 2 floors and ceilings" in page
    assert "| single | mails | slow | **4** (4 to 4) | 3 | yes |" in page
    assert "| single | mails | quick | **2** (2 to 2) | 3 | **no** |" in page
    assert "- `ten-sessions`: nobody came" in page
    assert "- JavaMail: no java" in page


def test_the_chart_is_a_picture_with_a_bar_for_each_ratio_and_a_tick_for_each_floor() -> None:
    measured = ratios({OURS: Clockwork(OURS, 0.001), "slow": Clockwork("slow", 0.004)})

    picture = ET.fromstring(chart.draw(list(measured.values()), "us & them"))

    svg = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{svg}rect")) == 1 + len(measured)
    assert [line for line in picture.iter(f"{svg}line") if line.get("stroke") == chart.DARK]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.23456, "0.235"), (12.34, "12.3"), (999.6, "1,000"), (1234.5, "1,230"), (123456, "123,000")],
)
def test_numbers_keep_three_digits(value: float, text: str) -> None:
    assert measuring.number(value) == text

"""How the bench judges: which way is better, what an aim means, and where a tile lies."""

import socket
import threading

import pytest

from tests.bench.rows import Row, compared, compares, wanted
from tests.bench.tiles import tile
from tests.bench.timing import Absent, NoAnswer, Sample, Web, latencies


class Answers:
    """A contender of a fixed time, that notes when it was asked."""

    def __init__(self, name: str, ms: float, order: list[str]) -> None:
        self.name, self.ms, self.order = name, ms, order

    def ask(self, number: int) -> float:
        self.order.append(self.name)
        return self.ms


def sample(value: float) -> Sample:
    return Sample(value, value, value)


def test_less_time_is_better_and_more_per_second_is_better() -> None:
    assert compared("t", sample(10), sample(60), "peer", "1", aim=6).met
    assert not compared("t", sample(11), sample(60), "peer", "1", aim=6).met
    assert compared("t", sample(60), sample(10), "peer", "1", aim=6, unit="1/s", better="higher").met
    assert not compared("t", sample(10), sample(60), "peer", "1", aim=1, unit="1/s", better="higher").met


def test_an_aim_below_one_allows_to_be_worse() -> None:
    row = compared("t", sample(15), sample(10), "floor", "1", aim=1 / 1.5)
    assert (row.met, wanted(row), compares(row.times)) == (True, "≤ 1.5 × worse", "1.50 × worse")
    assert not compared("t", sample(15.1), sample(10), "floor", "1", aim=1 / 1.5).met


def test_a_bound_is_kept_whatever_the_peer_does() -> None:
    assert not Row("start", "s", "lower", 5.1, 50.0, "one", "", bound=5.0).met
    assert Row("start", "s", "lower", 5.0, 0.1, "one", "", bound=5.0).met


def test_a_peer_that_is_not_here_is_named_and_nothing_is_judged() -> None:
    order: list[str] = []
    ours, peer = latencies([Answers("ours", 1.0, order), Absent("no nginx here")], rounds=2)
    assert isinstance(peer, NoAnswer)
    row = compared("t", ours, peer, "MapServer", "8", aim=1)
    assert (row.ours, row.peer, row.met, row.note) == (1.0, None, None, "MapServer: no nginx here")


def test_each_round_asks_everyone_and_begins_with_another() -> None:
    order: list[str] = []
    latencies([Answers(name, 1.0, order) for name in "abc"], rounds=3, warm=0)
    assert order == [*"abc", *"bca", *"cab"]


def test_a_connection_that_was_closed_meanwhile_is_opened_again_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            for _ in range(2):  # each connection has one answer
                connection, _peer = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        web = Web(f"http://127.0.0.1:{server.getsockname()[1]}", lambda _: "/", lambda body: body == b"ok")
        assert web.ask(0) > 0
        assert web.ask(1) > 0
        thread.join()
    with pytest.raises(NoAnswer):
        web.ask(2)


@pytest.mark.parametrize(("place", "zoom", "expected"), [
    ((0.1, 0.1), 1, (0, 1)), ((-179.9, 85.0), 3, (0, 0)), ((18.6, 53.0), 10, (333, 564)),
])
def test_rows_and_columns_are_counted_from_the_north_west(
    place: tuple[float, float], zoom: int, expected: tuple[int, int]
) -> None:
    assert tile(*place, zoom) == expected

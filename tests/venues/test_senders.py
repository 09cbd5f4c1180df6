"""What is tested: `quarterdeck.venues.senders`: a thread that sends, a queue with a bound, what is left at its end."""

import queue
import threading

from quarterdeck.venues.senders import Sender

PATIENCE_S = 20.0


class Gate:
    """Takes items one by one, each only when it is let through."""

    def __init__(self) -> None:
        self.begun: queue.Queue[int] = queue.Queue()
        self.go = threading.Semaphore(0)
        self.done: list[int] = []

    def act(self, item: int) -> None:
        self.begun.put(item)
        assert self.go.acquire(timeout=PATIENCE_S)
        self.done.append(item)


def test_items_are_sent_in_order() -> None:
    done: queue.Queue[int] = queue.Queue()
    sender = Sender("test sender", done.put, 1_000)
    sender.open()
    assert all(sender.put(item) for item in range(1_000))
    assert [done.get(timeout=PATIENCE_S) for _ in range(1_000)] == list(range(1_000))
    assert sender.close() == []


def test_a_full_queue_takes_no_more_and_never_blocks() -> None:
    gate = Gate()
    sender = Sender("test sender", gate.act, 3)
    sender.open()
    assert sender.put(0)
    assert gate.begun.get(timeout=PATIENCE_S) == 0
    assert [sender.put(item) for item in (1, 2, 3, 4)] == [True, True, True, False]
    gate.go.release()
    assert gate.begun.get(timeout=PATIENCE_S) == 1
    assert sender.put(5)
    for _ in range(4):
        gate.go.release()
    for item in (2, 3, 5):
        assert gate.begun.get(timeout=PATIENCE_S) == item
    sender.close()


def test_what_was_not_sent_comes_back_at_the_end() -> None:
    gate = Gate()
    sender = Sender("test sender", gate.act, 10)
    sender.open()
    for item in range(4):
        sender.put(item)
    assert gate.begun.get(timeout=PATIENCE_S) == 0
    rest: queue.Queue[list[int]] = queue.Queue()
    closer = threading.Thread(target=lambda: rest.put(sender.close()))
    closer.start()
    while sender.put(9):  # until it is closing
        pass
    gate.go.release()
    left = rest.get(timeout=PATIENCE_S)
    closer.join()
    assert left[:3] == [1, 2, 3]
    assert set(left[3:]) <= {9}
    assert gate.done == [0]
    assert not sender.put(10)


def test_a_sender_that_was_never_opened_closes() -> None:
    sender = Sender("test sender", print, 1)
    sender.put(1)
    assert sender.close() == [1]

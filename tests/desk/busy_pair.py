"""A live desk process with a lease: `python -m tests.desk.busy_pair FOLDER busy|calm run|follow`.

As `busy_desk`; it says when it follows, and when it leads and is ready.
"""

import os
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.config import load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.seat import Seat
from quarterdeck.desk.session import Voices
from quarterdeck.desk.wire import Command, Verb, ask
from quarterdeck.errors import DeskError, LeaseLost
from quarterdeck.venues.links import open_venue
from tests.desk.builders import Idle
from tests.desk.busy_desk import Busy, say


def follows(place: DeskPlace, desk: str) -> None:
    """Says `following` once the standby could lead."""
    while True:
        try:
            if ask(place.standby_socket, desk, Command(verb=Verb.STATUS), 1.0)["fit"]:
                say("following")
                return
        except DeskError:
            pass
        time.sleep(0.02)


def main(folder: str, mood: str, how: str) -> None:
    config, place, bell = load_desk(folder), DeskPlace(Path(folder)), Bell()
    seat = Seat(config, place, lambda sentence: say("·", sentence), follow=how == "follow")
    options = LiveOptions(
        wake=bell.ring,
        sources=[Busy if mood == "busy" else Idle],
        keep_orders=True,
        voices=Voices(narrate=False),
        lease=seat,
        recover=seat.recover,
    )
    session = LiveSession(config, place, [open_venue(config, 0)], options)
    if how == "follow":
        threading.Thread(target=follows, args=(place, config.desk.name), daemon=True).start()
    told = False

    def each() -> None:
        nonlocal told
        if session.ready and not told:
            told = True
            say("ready", session.recovered.epoch)

    if not seat.take():
        return
    say("leading", seat.epoch)
    try:
        run_session(session, each=each, bell=bell, leadership=seat.leadership)
    except LeaseLost as error:
        say("lost", error)
        return
    say("digest", session.desk.digest.hex())


if __name__ == "__main__":
    main(*sys.argv[1:])

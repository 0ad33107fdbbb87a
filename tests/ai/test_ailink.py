# SPDX-License-Identifier: MIT
"""The AI link under noise, crashes and restarts: the C guest against the Python bridge."""
import pytest
from simulation import InstantAnswer, Simulation, bridges, expected

from guestlink import E_IO, OK


@pytest.fixture(autouse=True)
def instant(monkeypatch):
    """Answers without threads."""
    monkeypatch.setattr(bridges, "Answer", InstantAnswer)
    InstantAnswer.log = []


@pytest.fixture
def simulate():
    """Simulation(...) that is closed at the end."""
    running = []

    def start(*args, **options):
        running.append(Simulation(*args, **options))
        return running[-1]

    yield start
    for simulation in running:
        simulation.close()


def check_untouched(simulation, lines=False):
    """Every question has exactly its answer and was started once."""
    for prompt, text, result in simulation.questions.values():
        allowed = [expected(prompt)] + [expected(prompt, line=True)] * lines
        assert (result, text) in allowed
    prompts = [prompt for _, prompt in InstantAnswer.log]
    assert sorted(prompts) == sorted(question[0] for question in simulation.questions.values())


def check_sane(simulation):
    """Answers are right, or broken off with an error; no bridge was asked anything twice."""
    for prompt, text, result in simulation.questions.values():
        in_frames, in_lines = expected(prompt), expected(prompt, line=True)
        if result[0] == OK:
            assert (result, text) in (in_frames, in_lines)
        else:
            assert result[0] == E_IO and result[1]
            assert in_frames[1].startswith(text) or in_lines[1].startswith(text)
    assert len(InstantAnswer.log) == len(set(InstantAnswer.log))


def test_clean(simulate):
    simulation = simulate(1)
    simulation.run(1)
    for number in range(30):
        simulation.ask(f"clean {number}", number)
        simulation.finish(20)
    check_untouched(simulation)
    status = simulation.guest.status(simulation.now)
    assert status["link"] == 2 and status["backend"] == "sim"
    assert status["retransmits"] == 0 and status["bad_frames"] == 0


def test_long_prompt(simulate):
    simulation = simulate(2, noise=0.001, crash=0.1)
    simulation.run(1)
    simulation.ask("grüße " * 2000)
    simulation.finish(300)
    check_untouched(simulation)


@pytest.mark.parametrize("seed", range(12))
def test_noise_and_crashes_are_invisible(simulate, seed):
    simulation = simulate(seed, noise=(0.0, 0.0005, 0.002)[seed % 3], crash=(0.0, 0.3)[seed % 2])
    simulation.run(3)
    for number in range(4):
        for account in range(simulation.rng.randrange(1, 4)):
            simulation.ask(f"noise {seed} {number} {account}", account)
        simulation.finish(600)
    check_untouched(simulation)


@pytest.mark.parametrize("seed", range(6))
def test_dropped_connections_are_invisible(simulate, seed):
    simulation = simulate(100 + seed, crash=0.1)
    simulation.run(1)
    for number in range(6):
        simulation.ask(f"cut {seed} {number}")
        for _ in range(3):
            simulation.run(simulation.rng.random())
            simulation.cut()
        simulation.finish(60)
    check_untouched(simulation)


@pytest.mark.parametrize("seed", range(12))
def test_restarts(simulate, seed):
    simulation = simulate(200 + seed, crash=0.1)
    simulation.run(simulation.rng.random() * 3)
    for number in range(6):
        simulation.ask(f"restart {seed} {number}")
        simulation.run(simulation.rng.random())
        simulation.set_host("none")
        simulation.run(simulation.rng.choice((0.01, 1, 9)))
        simulation.set_host("bridge")
        simulation.finish(60)
    check_sane(simulation)
    simulation.run(3)
    badge = simulation.ask("and now in peace")
    simulation.finish(60)
    _, text, result = simulation.questions[badge]
    assert (result, text) == expected("and now in peace")


@pytest.mark.parametrize("seed", range(20))
def test_idle_restart_is_invisible(simulate, seed):
    """A question just before, while and after the bridge starts again simply works."""
    simulation = simulate(400 + seed)
    simulation.run(2)
    simulation.set_host("none")
    simulation.run(seed * 0.02)
    simulation.ask("early")
    simulation.run(0.2)
    simulation.set_host("bridge")
    simulation.run(seed * 0.01)
    simulation.ask("late")
    simulation.finish(30)
    check_untouched(simulation, lines=True)


@pytest.mark.parametrize("seed", range(4))
def test_cold_guest(simulate, seed):
    simulation = simulate(300 + seed)
    simulation.run(2)
    for number in range(5):
        simulation.ask(f"cold {seed} {number}")
        simulation.run(simulation.rng.random())
        simulation.guest.restart(simulation.rng.getrandbits(32), simulation.now)
        simulation.pending = b""
        simulation.questions.clear()
        badge = simulation.ask(f"after {seed} {number}")
        simulation.finish(30)
        prompt, text, result = simulation.questions[badge]
        assert (result, text) == expected(prompt)
    assert len(InstantAnswer.log) == len(set(InstantAnswer.log))


def test_bridge_comes_after_the_question(simulate):
    simulation = simulate(4, host="none")
    simulation.ask("patience")
    simulation.run(8)
    simulation.set_host("bridge")
    simulation.finish(10)
    check_untouched(simulation)


@pytest.mark.parametrize("seed", range(20))
def test_bridge_comes_with_the_question(simulate, seed):
    """The knock and the first line cross: asked once all the same."""
    simulation = simulate(seed, host="none")
    simulation.run(2)
    simulation.set_host("bridge")
    for _ in range(seed):
        simulation.step()
    simulation.ask("crossing")
    simulation.finish(30)
    check_untouched(simulation, lines=True)


def test_nobody(simulate):
    simulation = simulate(5, host="none")
    badge = simulation.ask("hello?")
    simulation.finish(25)
    assert simulation.questions[badge][2][0] == E_IO
    assert b"bridge" in simulation.questions[badge][2][1]
    assert bytes(simulation.to_host.bytes) == b""


@pytest.mark.parametrize("crash", (0.0, 0.3))
def test_terminal(simulate, crash):
    """A bare terminal sees nothing but ASK lines (Terminal asserts it)."""
    simulation = simulate(6, crash=crash, host="terminal")
    for number in range(5):
        badge = simulation.ask(f"question\n {number}")
        simulation.finish(10)
        assert simulation.questions[badge][1:] == [f"line: question {number}".encode(), (OK, b"")]


def test_change_of_hosts(simulate):
    simulation = simulate(7, crash=0.1)
    for number in range(3):
        simulation.ask(f"bridge {number}")
        simulation.finish(20)
        simulation.set_host("none")
        simulation.to_host.bytes.clear()
        simulation.run(10)
        simulation.to_host.bytes.clear()
        simulation.set_host("terminal")
        badge = simulation.ask("terminal")
        simulation.finish(20)
        assert simulation.questions.pop(badge)[1] == b"line: terminal"
        simulation.set_host("bridge")
        simulation.run(2)
    check_untouched(simulation)


def test_silent_bridge_is_noticed(simulate):
    simulation = simulate(8)
    simulation.run(1)
    badge = simulation.ask("x" * 3000)
    simulation.run(0.1)
    simulation.set_host("none")
    began = simulation.now
    simulation.finish(10)
    assert simulation.questions[badge][2][0] == E_IO
    assert simulation.now - began < 8


def test_slow_reader_holds_up_the_bridge(simulate):
    """The guest keeps 16 KiB, the rest stays at the host; nothing is lost."""
    prompt = next(f"slow {n}" for n in range(1000) if len(expected(f"slow {n}")[1]) > 20000)
    simulation = simulate(9)
    simulation.run(1)
    simulation.ask(prompt)
    simulation.reading = False
    simulation.run(60)
    assert simulation.host.answers and simulation.host.link.data_busy
    simulation.reading = True
    simulation.finish(60)
    check_untouched(simulation)


def test_cancel(simulate):
    simulation = simulate(10)
    simulation.run(1)
    first = simulation.ask("never mind " * 100)
    simulation.run(0.02)
    simulation.guest.drop(first, simulation.now)
    del simulation.questions[first]
    simulation.ask("second")
    simulation.finish(20)
    prompt, text, result = next(iter(simulation.questions.values()))
    assert (result, text) == expected(prompt)
    assert not simulation.host.answers


def test_garbage_only(simulate):
    """A host that sends only noise: nothing breaks, the question ends."""
    simulation = simulate(11, host="none")
    badge = simulation.ask("is anyone there")
    for _ in range(6000):
        simulation.to_guest.bytes += simulation.rng.randbytes(20)
        simulation.step()
        if simulation.questions[badge][2] is not None:
            break
    simulation.set_host("bridge")
    simulation.to_guest.bytes.clear()
    simulation.to_host.bytes.clear()
    simulation.pending = b""
    simulation.run(200)
    badge = simulation.ask("after the storm")
    simulation.finish(60)
    assert simulation.questions[badge][1] == expected("after the storm")[1]

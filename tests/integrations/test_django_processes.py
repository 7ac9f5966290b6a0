"""Django as processes: a new project, the worker killed and stopped, gunicorn with preload, uWSGI, uvicorn's reload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import django
import pytest

from courriel import Outbox, Sandbox, State
from servers.daemon import Daemon, private_folder, wait_until
from servers.packages import need
from servers.ports import LOOPBACK, free_ports
from servers.sink import sink

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "django_inside"
UWSGI = "/usr/bin/uwsgi-core"
PLUGIN = "/usr/lib/uwsgi/plugins/python3_plugin.so"

pytestmark = pytest.mark.acceptance


class Project:
    """The project of the tests, in a folder of its own, with a mailer to this URL."""

    def __init__(self, folder: Path, url: str, *, outbox: bool) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COURRIEL", "DJANGO"))}
        self.environment = {
            **kept,
            "SHOP_FOLDER": str(folder),
            "SHOP_URL": url,
            "SHOP_OUTBOX": "yes" if outbox else "no",
            "PYTHONPATH": f"{INSIDE}{os.pathsep}{ROOT / 'src'}",
        }
        self.manage("migrate", "-v0")

    def manage(self, *arguments: str) -> str:
        """What `manage.py` says to this."""
        return self.run(*arguments).stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A run of `manage.py` that succeeded."""
        run = subprocess.run(
            [sys.executable, str(INSIDE / "manage.py"), *arguments],
            env=self.environment, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        return run

    def send(self, subject: str) -> None:
        """Send a mail by the mailer of the project."""
        code = f"from django.core.mail import send_mail; send_mail({subject!r}, 'Hi.', None, ['bob@example.org'])"
        self.manage("shell", "-c", code)

    def worker(self) -> subprocess.Popen[str]:
        """A running `manage.py courriel_worker`."""
        worker = subprocess.Popen(
            [sys.executable, str(INSIDE / "manage.py"), "courriel_worker"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdout is not None
        assert "Sending for default" in worker.stdout.readline()
        return worker

    def states(self) -> dict[str, State]:
        """The state of each mail, by its id."""
        with Outbox(self.folder / "shop.sqlite3", shared=True) as outbox:
            return {info.id: info.state for info in outbox.list()}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@contextmanager
def serving(command: list[str], project: Project, port: int, **more: str) -> Iterator[Daemon]:
    """A web server of the project, ready."""
    folder = private_folder("web")
    environment = {**project.environment, **more}
    pairs = [
        f"{name}={value}" for name, value in environment.items() if name.startswith(("SHOP", "PYTHONPATH", "DJANGO"))
    ]
    with Daemon(["/usr/bin/env", *pairs, *command], folder=folder, log=folder / "log", ports=[port]) as daemon:
        yield daemon


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def subjects(sandbox: Sandbox) -> list[str]:
    return sorted(letter.subject for letter in sandbox.letters)


# A new user.


def test_a_new_project_sends_its_first_mail_with_two_changed_lines(sandbox: Sandbox, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(tmp_path)], check=True, timeout=60)
    settings = tmp_path / "shop" / "settings.py"
    text = settings.read_text()
    if django.VERSION >= (6, 1):
        backend = "        'BACKEND': 'django.core.mail.backends.console.EmailBackend',\n"
        assert backend in text
        ours = "        'BACKEND': 'courriel.integrations.django.EmailBackend',\n"
        text = text.replace(backend, f"{ours}        'OPTIONS': {{'url': {sandbox.url!r}}},\n")
    else:
        text += f"EMAIL_BACKEND = 'courriel.integrations.django.EmailBackend'\nCOURRIEL_URL = {sandbox.url!r}\n"
    assert len(text.splitlines()) - len(settings.read_text().splitlines()) <= 2
    settings.write_text(text)

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COURRIEL", "DJANGO"))}
    sent = subprocess.run(
        [sys.executable, "manage.py", "sendtestemail", "bob@example.org"], cwd=tmp_path, check=False, timeout=60,
        env={**environment, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
    )  # fmt: skip

    assert sent.returncode == 0, sent.stderr
    assert sandbox.wait_for(to="bob@example.org").subject.startswith("Test email")
    (session,) = sandbox.sessions
    assert wait_until(lambda: "QUIT" in str(session.transcript), 20)  # the pool was closed with the process


def test_the_shop_of_the_examples_runs_with_one_command() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COURRIEL", "DJANGO"))}
    command = [sys.executable, str(ROOT / "examples" / "django-shop" / "run.py"), "--once"]

    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)

    assert run.returncode == 0, run.stderr
    assert [line for line in run.stdout.splitlines() if line.startswith("arrived")] == [
        "arrived: Your order: teapot for ada@example.org"
    ]
    assert "Out of stock: unicorn" in run.stdout


# The worker.


def test_the_worker_sends_and_ends_cleanly_when_it_is_told_to(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=True)
    worker = project.worker()
    try:
        project.send("while it works")
        sandbox.wait_for(subject="while it works", timeout=60)
        worker.send_signal(signal.SIGTERM)
        said, wrong = worker.communicate(timeout=60)
    finally:
        worker.kill()

    assert worker.returncode == 0, wrong
    assert "Stopped; 0 mails are in doubt." in said
    assert list(project.states().values()) == [State.SENT]


def test_a_worker_that_is_killed_loses_no_mail(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox() as silent:
        silent.answer("data", "silence")
        project = Project(tmp_path, silent.url, outbox=True)
        project.send("in hand")
        worker = project.worker()
        assert wait_until(lambda: State.READY not in project.states().values(), 60)
        worker.kill()
        worker.communicate(timeout=60)
    project.environment["SHOP_URL"] = sandbox.url  # rows name the mailer, so the next worker has another server
    project.send("afterwards")

    project.manage("courriel_worker", "--once")
    with Outbox(project.folder / "shop.sqlite3", shared=True) as outbox:
        for info in list(outbox.list(State.READY)):  # one that may have left would wait for a minute
            outbox.get(info.id).retry_now()
    project.manage("courriel_worker", "--once")

    assert subjects(sandbox) == ["afterwards", "in hand"]
    assert set(project.states().values()) == {State.SENT}


def test_the_command_speaks_french(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=True)
    project.environment["SHOP_LANGUAGE"] = "fr"

    assert "courriels essayés : 0" in project.manage("courriel_worker", "--once")


def test_a_refused_mail_is_told_where_cron_mails_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """On standard error, so that `--once >/dev/null` in a crontab is silent but for what did not arrive."""
    project = Project(tmp_path, sandbox.url, outbox=True)
    sandbox.answer("recipient", "550 5.1.1 no such user", times=1)
    project.send("refused")
    project.send("taken")

    ran = project.run("courriel_worker", "--once")

    assert "mails tried: 2" in ran.stdout
    assert ran.stderr.count("Not sent (") == 1
    assert "550 5.1.1 no such user" in ran.stderr


def test_without_an_outbox_the_worker_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=False)
    run = subprocess.run(
        [sys.executable, str(INSIDE / "manage.py"), "courriel_worker"],
        env=project.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert run.returncode == 1
    assert "no mailer has an outbox" in run.stderr
    assert "Traceback" not in run.stderr


# Web servers.


def test_gunicorn_that_preloads_has_a_pool_in_each_worker(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=False)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "1"]
    command += ["--bind", f"{LOOPBACK}:{port}", "shop.wsgi:application"]

    with serving(command, project, port, SHOP_PRELOAD="yes"):
        pids: set[str] = set()
        sent = 0
        while len(pids) < 2 and sent < 200:
            pids.add(get(port, f"/order/?subject={sent:03}"))
            sent += 1

    assert len(pids) == 2
    assert subjects(sandbox) == [*[f"{number:03}" for number in range(sent)], "before the fork"]
    assert len(sandbox.sessions) >= 2


def test_gunicorn_with_the_outbox_puts_in_the_request(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=True)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "4"]
    command += ["--bind", f"{LOOPBACK}:{port}", "shop.wsgi:application"]

    with serving(command, project, port, SHOP_PRELOAD="yes"):
        for number in range(10):
            get(port, f"/order/?subject=kept{number}")
            get(port, f"/order/?subject=undone{number}&undo")
    project.manage("courriel_worker", "--once")

    assert subjects(sandbox) == ["before the fork", *[f"kept{number}" for number in range(10)]]


def test_requests_and_workers_share_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=True)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"]
    command += ["--bind", f"{LOOPBACK}:{port}", "shop.wsgi:application"]
    workers = [project.worker(), project.worker()]

    def orders(client: int) -> None:
        for number in range(15):
            get(port, f"/order/?subject={client}-{number}{'&undo' if number % 3 == 2 else ''}")

    try:
        with serving(command, project, port), ThreadPoolExecutor(6) as clients:
            list(clients.map(orders, range(6)))
        assert wait_until(lambda: len(sandbox.letters) >= 60, 60)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        ended = [worker.communicate(timeout=60) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()

    assert [worker.returncode for worker in workers] == [0, 0], ended
    assert len(subjects(sandbox)) == len(set(subjects(sandbox))) == 60
    assert set(project.states().values()) == {State.SENT}


def test_uwsgi_that_forks_has_a_pool_in_each_worker(sandbox: Sandbox, tmp_path: Path) -> None:
    need(UWSGI, PLUGIN)
    project = Project(tmp_path, sandbox.url, outbox=False)
    (port,) = free_ports(1)
    paths = [path for path in sys.path if "site-packages" in path]
    command = [UWSGI, "--plugins-dir", str(Path(PLUGIN).parent), "--plugin", "python3", "--http-socket"]
    command += [f"{LOOPBACK}:{port}", "--master", "--processes", "2", "--enable-threads", "--die-on-term"]
    command += ["--module", "shop.wsgi:application", *[f"--pythonpath={path}" for path in (*paths, str(INSIDE))]]
    command += [f"--pythonpath={ROOT / 'src'}"]

    with serving(command, project, port, SHOP_PRELOAD="yes"):
        pids: set[str] = set()
        sent = 0
        while len(pids) < 2 and sent < 200:
            pids.add(get(port, f"/order/?subject={sent:03}"))
            sent += 1

    assert len(pids) == 2
    assert subjects(sandbox) == [*[f"{number:03}" for number in range(sent)], "before the fork"]


def test_uvicorn_that_reloads_goes_on_sending(sandbox: Sandbox, tmp_path: Path) -> None:
    project = Project(tmp_path, sandbox.url, outbox=False)
    (port,) = free_ports(1)
    watched = tmp_path / "watched"
    watched.mkdir()
    (watched / "code.py").write_text("VERSION = 1\n")
    command = [sys.executable, "-m", "uvicorn", "--host", LOOPBACK, "--port", str(port), "--reload"]
    command += ["--reload-dir", str(watched), "--lifespan", "off", "shop.asgi:application"]

    def answered(subject: str) -> str:
        try:
            return get(port, f"/order-awaited/?subject={subject}")
        except OSError:
            return ""

    with serving(command, project, port):
        first = answered("before")
        (watched / "code.py").write_text("VERSION = 2 + 0\n")
        assert wait_until(lambda: answered("after") not in ("", first), 60)

    assert subjects(sandbox)[-1] == "before"
    assert "after" in subjects(sandbox)


@pytest.mark.parametrize("server", ["runserver", "uvicorn"])
def test_a_reader_is_unsubscribed_by_one_click(server: str, tmp_path: Path) -> None:
    project = Project(tmp_path, "null:", outbox=False)
    made = (
        "from courriel.integrations.django import unsubscribe_link; print(unsubscribe_link('ada@example.org', 'news'))"
    )
    path = project.manage("shell", "-c", made).splitlines()[-1].removeprefix("https://shop.example.org")
    (port,) = free_ports(1)
    command = {
        "runserver": [sys.executable, str(INSIDE / "manage.py"), "runserver", "--noreload", f"{LOOPBACK}:{port}"],
        "uvicorn": [sys.executable, "-m", "uvicorn", "--port", str(port), "--lifespan", "off", "shop.asgi:application"],
    }[server]

    with serving(command, project, port):
        page = get(port, path)
        click = urllib.request.Request(f"http://{LOOPBACK}:{port}{path}", b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(click, timeout=60) as answer:
            done = str(answer.read().decode())
            headers = dict(answer.headers)

    who = "from django.contrib.auth.models import User; print(*User.objects.values_list('username', 'is_active'))"
    assert "Unsubscribe from “Garden news”?" in page
    assert "You are unsubscribed" in done
    assert "Set-Cookie" not in headers
    assert project.manage("shell", "-c", who).splitlines()[-1] == "('news:ada@example.org', False)"


# Many recipients.


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("outbox", [False, True])
def test_ten_thousand_recipients(outbox: bool, tmp_path: Path) -> None:
    with sink() as server:
        project = Project(tmp_path, f"smtp://{server.host}:{server.port}?tls=none", outbox=outbox)
        code = (
            "from django.core.mail import EmailMessage\n"
            "names = [f'reader{number}@example.org' for number in range(10_000)]\n"
            "mail = EmailMessage('News', 'Hi.', None, [], bcc=names)\n"
            "print(mail.send(), len(getattr(mail.courriel, 'accepted', ())))\n"
        )

        said = project.manage("shell", "-c", code).splitlines()[-1]
        if outbox:
            project.manage("courriel_worker", "--once")
            with Outbox(tmp_path / "shop.sqlite3", shared=True) as looking:
                (info,) = looking.list()
            assert (info.state, len(info.accepted)) == (State.SENT, 10_000)
        else:
            assert said == "1 10000"

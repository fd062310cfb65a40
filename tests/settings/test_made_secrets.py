from concurrent.futures import ThreadPoolExecutor

import pytest

from common.settings.generated_secrets import with_generated_secrets
from common.settings.settings import Settings, SettingsError


def test_missing_secrets_are_generated_once_and_stored(tmp_path):
    made = with_generated_secrets(Settings(data_dir=tmp_path / "data"))

    assert made == with_generated_secrets(Settings(data_dir=tmp_path / "data"))
    assert Settings.model_validate(made.model_dump()) == made
    assert len(made.secret) == 64
    assert all((made.webhook_secrets, made.calcom_webhook_secrets, made.resend_webhook_secrets))


def test_generated_secrets_are_readable_only_by_their_owner(tmp_path):
    with_generated_secrets(Settings(data_dir=tmp_path / "data"))

    assert (tmp_path / "data" / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_ten_simultaneous_starts_share_the_generated_secrets(tmp_path):
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: with_generated_secrets(Settings(data_dir=tmp_path)), range(10)))

    assert all(settings == made[0] for settings in made)


def test_given_secret_is_not_replaced(tmp_path):
    assert with_generated_secrets(Settings(data_dir=tmp_path, secret_key="mine")).secret == "mine"


def test_secret_added_in_a_later_version_is_generated_next_to_the_others(tmp_path):
    made = with_generated_secrets(Settings(data_dir=tmp_path))
    file = tmp_path / "secrets.env"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "CALCOM" not in line))

    later = with_generated_secrets(Settings(data_dir=tmp_path))

    assert later.secret == made.secret
    assert later.calcom_webhook_secret not in (None, made.calcom_webhook_secret)


def test_no_webhook_secret_is_generated_if_unsigned_webhooks_are_allowed(tmp_path):
    made = with_generated_secrets(Settings(data_dir=tmp_path, allow_unsigned_webhooks=True))

    assert made.webhook_secrets == ()
    assert made.secret


def test_no_secret_is_generated_with_a_real_provider(tmp_path):
    made = with_generated_secrets(Settings(data_dir=tmp_path / "data", resend_api_key="re_1"))

    assert made.secret_key is None
    assert not (tmp_path / "data").exists()
    with pytest.raises(SettingsError, match="SECRET_KEY: unset"):
        made.secret  # noqa: B018 -- the question is what it raises


def test_a_folder_that_cannot_be_written_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="DATA_DIR: "):
        with_generated_secrets(Settings(data_dir=tmp_path / "file" / "data"))

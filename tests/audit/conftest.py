from tests.rebuild.conftest import ada, audited, boris, house

__all__ = ["ada", "audited", "boris", "house"]

from tests.rebuild.conftest import ada, boris, house

__all__ = ["ada", "boris", "house"]

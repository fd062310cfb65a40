from tests.rebuild.conftest import ada, audited, boris, installation

__all__ = ["ada", "audited", "boris", "installation"]

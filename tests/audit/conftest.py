from tests.rebuild.conftest import ada, boris, installation, run_audit

__all__ = ["ada", "boris", "installation", "run_audit"]

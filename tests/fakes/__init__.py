"""Stateful fakes of mail servers: the demo's own servers, plus faults a test can script."""

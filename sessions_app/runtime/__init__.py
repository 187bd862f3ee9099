"""What lives long: writers, readers, hub, runner, recovery, drain and the server. Async is at home here."""

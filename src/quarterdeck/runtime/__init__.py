"""What backtest and desk share: how a session opens, the strategy host, replay, recovery."""

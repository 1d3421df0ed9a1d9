"""What every door says about itself: logs, traces, figures of its process. Knows nothing of jobs' ways."""

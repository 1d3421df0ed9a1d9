"""What Windrow promises, each one kept by real processes while they are killed and their stores are taken away."""

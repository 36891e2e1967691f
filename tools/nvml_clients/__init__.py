"""Runs NVIDIA's own NVML clients on simulated machines: see tools/compare_nvml_clients."""

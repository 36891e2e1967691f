// A shared library that is not NVML.
extern "C" {
int kerf_test_nothing();
int kerf_test_nothing() { return 0; }
}

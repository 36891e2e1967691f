// add_process_metrics(): what Prometheus expects of every process, from /proc.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "shell/telemetry/metrics.h"

namespace kerf::telemetry {
namespace {

double seconds(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Field `index` (0: all memory, 1: what is in RAM) in bytes; NaN if /proc is not there.
double memory(std::size_t index) {
  std::ifstream in("/proc/self/statm");
  std::array<double, 2> pages{NAN, NAN};
  in >> pages[0] >> pages[1];
  return in ? pages.at(index) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : NAN;
}

/// Field `number` of /proc/self/stat, counted from 1 as proc(5) does, from 4 on.
double stat_field(int number) {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  // The second field is the program's name and may contain anything.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 2)));
  std::string skipped;
  for (int i = 3; i < number; ++i) fields >> skipped;
  double value = NAN;
  return fields >> value ? value : NAN;
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error))
    ++count;
  return error ? NAN : count - 1;  // without the one that reads the folder
}

double most_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return NAN;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(Metrics& metrics) {
  constexpr int kThreads = 20;
  constexpr int kStart = 22;  // in clock ticks since boot
  const double age =
      seconds(CLOCK_BOOTTIME) - stat_field(kStart) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double start = seconds(CLOCK_REALTIME) - age;
  metrics.counter_function("process_cpu_seconds_total", "CPU time spent, in seconds.",
                           [] { return seconds(CLOCK_PROCESS_CPUTIME_ID); });
  metrics.gauge_function("process_start_time_seconds",
                         "Start of the process, in seconds since 1970.", [start] { return start; });
  metrics.gauge_function("process_resident_memory_bytes", "Memory in RAM, in bytes.",
                         [] { return memory(1); });
  metrics.gauge_function("process_virtual_memory_bytes", "Address space, in bytes.",
                         [] { return memory(0); });
  metrics.gauge_function("process_open_fds", "Open file descriptors.", &open_descriptors);
  metrics.gauge_function("process_max_fds", "File descriptors that may be open.",
                         &most_descriptors);
  metrics.gauge_function("process_threads", "Threads.", [] { return stat_field(kThreads); });
}

}  // namespace kerf::telemetry

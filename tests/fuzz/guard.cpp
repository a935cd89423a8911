#include "tests/fuzz/guard.hpp"

#include "tests/support/work.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

extern "C" {
// The sanitizers' interfaces; absent in a build without them.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): their names
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*,
                                                                                      std::size_t),
                                                                    void (*freed)(const volatile void*));
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
}

namespace dm::fuzz {

namespace {

constexpr unsigned kTickMs = 20;

struct Current {
    const void* text = nullptr; ///< null: between operations
    void (*print)(const void*) = nullptr;
    u64 allocated = 0;
    u64 most_allocated = 0;
    unsigned ticks = 0; ///< of the CPU clock, in this operation
};

Current current;
std::string context;
bool trace_on = false;
time_t seconds_to_run = 0; ///< of processor time; 0: for ever

void write_out(std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

Stats* map_stats() {
    static Stats here;
    const char* path = std::getenv("HVMDM_FUZZ_STATS");
    if (path == nullptr) return &here;
    const int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ::ftruncate(fd, sizeof(Stats)) != 0) return &here;
    void* mapped = ::mmap(nullptr, sizeof(Stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    return mapped == MAP_FAILED ? &here : static_cast<Stats*>(mapped);
}

void print_current() {
    if (current.text == nullptr) return;
    write_out("hvmdm-fuzz: during: ");
    current.print(current.text);
    write_out("\n");
}

/// libFuzzer's own limit counts the time of a clock, which on a busy machine says little.
void stop_in_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    if (seconds_to_run > 0 && used.tv_sec >= seconds_to_run)
        static_cast<void>(::raise(SIGUSR1)); // it ends in good order when this input is done
}

void on_tick(int) {
    stop_in_time();
    if (current.text == nullptr) return;
    if (++current.ticks * kTickMs > kMostCpuMs)
        report_finding("an operation takes more processor time than a guest may cost");
}

void on_allocation(const volatile void*, std::size_t bytes) {
    if (current.text == nullptr) return;
    current.allocated += bytes;
    if (current.allocated > current.most_allocated)
        report_finding("an operation allocates more memory than it may");
}

void on_death() {
    if (!context.empty()) write_out("hvmdm-fuzz: in " + context + "\n");
    print_current();
}

void start_watchdog() {
    struct sigaction action {};
    action.sa_handler = on_tick;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &action, nullptr);
    const timeval tick{0, suseconds_t{kTickMs} * 1000};
    const itimerval timer{tick, tick};
    ::setitimer(ITIMER_PROF, &timer, nullptr);
}

} // namespace

Stats& stats() {
    static Stats* const instance = map_stats();
    return *instance;
}

bool counts_memory() {
    return __sanitizer_install_malloc_and_free_hooks != nullptr;
}

void start_guard() {
    trace_on = std::getenv("HVMDM_FUZZ_TRACE") != nullptr;
    if (const char* seconds = std::getenv("HVMDM_FUZZ_SECONDS"))
        seconds_to_run = std::atol(seconds); // NOLINT
    test::most_work = {.block_requests = kMostBlockRequests,
                       .block_bytes = kMostBlockBytes,
                       .guest_views = kMostViews,
                       .line_changes = kMostLineChanges};
    test::too_much_work = [](const char* what) { finding("an operation causes too many {}", what); };
    if (counts_memory())
        __sanitizer_install_malloc_and_free_hooks(on_allocation, [](const volatile void*) {});
    start_watchdog();
}

void set_context(std::string name) {
    // libFuzzer has a death callback of its own and knows the input; here the name of the file would be lost.
    if (context.empty() && __sanitizer_set_death_callback != nullptr)
        __sanitizer_set_death_callback(on_death);
    context = std::move(name);
}

void report_finding(std::string_view what) {
    const Current during = current;
    current.text = nullptr; // reporting may allocate and take time
    write_out("hvmdm-fuzz: FINDING: ");
    write_out(what);
    write_out("\n");
    current.text = during.text;
    current.print = during.print;
    print_current();
    current.text = nullptr;
    if (!context.empty()) write_out("hvmdm-fuzz: in " + context + "\n");
    std::abort();
}

bool tracing() {
    return trace_on;
}

void trace(std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    static_cast<void>(std::fflush(stdout)); // the next operation may be the last
}

Operating::Operating(u64 most_allocated, const void* text, Print print) {
    ++stats().operations;
    test::work = {};
    current.allocated = 0;
    current.most_allocated = most_allocated;
    current.ticks = 0;
    current.print = print;
    current.text = text;
    std::atomic_signal_fence(std::memory_order_seq_cst); // the clock's handler looks at it
}

Operating::~Operating() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    current.text = nullptr;
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

void Operating::write_text(std::string_view text) {
    write_out(text);
}

} // namespace dm::fuzz

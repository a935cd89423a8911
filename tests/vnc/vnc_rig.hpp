// A VNC server with a device thread, a screen to show, and real viewers (libvncclient) and unreal ones
// (bytes).
#pragma once

#include "dm/vnc/vnc_server.hpp"

#include <rfb/rfbclient.h>

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace dm::vnc::test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds within = 20s) {
    const auto end = steady_clock::now() + within;
    while (!condition()) {
        if (steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

class RealClock final : public Clock {
public:
    u64 now_ns() const override {
        return static_cast<u64>(std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count());
    }
};

/// A device thread.
class TestLoop final : public EventLoop {
public:
    TestLoop() : thread_([this] { run(); }) {}
    ~TestLoop() override { stop(); }
    void stop() {
        post([this] { stop_ = true; });
        if (thread_.joinable()) thread_.join();
    }
    /// Runs `task` in the loop's thread and waits for it.
    template <class F> auto call(F task) -> decltype(task()) {
        std::mutex m;
        std::condition_variable done_changed;
        bool done = false;
        using R = decltype(task());
        std::conditional_t<std::is_void_v<R>, int, R> result{};
        post([&] {
            if constexpr (std::is_void_v<R>)
                task();
            else
                result = task();
            const std::lock_guard lock(m);
            done = true;
            done_changed.notify_all();
        });
        std::unique_lock lock(m);
        done_changed.wait(lock, [&] { return done; });
        if constexpr (!std::is_void_v<R>) return result;
    }
    /// How long the device thread needs to answer now.
    std::chrono::milliseconds latency() {
        const auto start = steady_clock::now();
        call([] {});
        return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
    }

    void watch(int, FdEvents, FdHandler) override {}
    void change(int, FdEvents) override {}
    void unwatch(int) override {}
    void post(std::function<void()> task) override {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        changed_.notify_all();
    }
    TimerQueue& machine_timers() override { return timers_; }
    TimerQueue& host_timers() override { return timers_; }
    void quit(int) override {}

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (!stop_) {
            const auto deadline = timers_.next_deadline();
            const auto ready = [this] { return !tasks_.empty(); };
            if (deadline)
                changed_.wait_until(lock, steady_clock::time_point(std::chrono::nanoseconds(*deadline)),
                                    ready);
            else
                changed_.wait(lock, ready);
            std::deque<std::function<void()>> tasks;
            std::swap(tasks, tasks_);
            lock.unlock();
            for (auto& task : tasks)
                task();
            timers_.run_due();
            lock.lock();
        }
    }

    RealClock clock_;
    TimerQueue timers_{clock_};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    bool stop_ = false;
    std::thread thread_;
};

/// A screen that shows a gradient, seeded so that each picture differs.
class TestSource final : public DisplaySource {
public:
    static u32 pixel(unsigned x, unsigned y, u32 seed) { return (x * 3 + y * 5 + seed * 0x10307) & 0xffffff; }

    void refresh(Display& display, bool full) override {
        ++refreshes;
        const Surface s = display.resize(width, height);
        if (!full && !dirty && s.width == shown_width && s.height == shown_height) return;
        dirty = false;
        shown_width = s.width;
        shown_height = s.height;
        for (unsigned y = 0; y < s.height; ++y)
            for (unsigned x = 0; x < s.width; ++x)
                s.pixels[y * s.stride + x] = pixel(x, y, seed);
        display.changed({0, 0, s.width, s.height});
    }
    void unwatched() override { ++unwatches; }
    bool propose_size(unsigned w, unsigned h) override {
        if (!resizable) return false;
        width = w;
        height = h;
        return true;
    }

    // device thread
    bool resizable = false; ///< the guest does what the viewer wishes, at once
    unsigned width = 320;
    unsigned height = 200;
    u32 seed = 1;
    bool dirty = false;
    unsigned shown_width = 0;
    unsigned shown_height = 0;
    std::atomic<unsigned> refreshes = 0;
    std::atomic<unsigned> unwatches = 0;
};

class TestInput final : public InputSink {
public:
    void key(KeyCode code, bool down) override {
        const std::lock_guard lock(mutex);
        keys.push_back(static_cast<int>(code) * (down ? 1 : -1));
        if (down && room > 0) --room;
    }
    bool key_room() const override { return room != 0; }
    bool stands_still() const override { return still; }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override {
        const std::lock_guard lock(mutex);
        pointers.push_back({x, y, width, height, buttons});
    }
    void motion(s32 dx, s32 dy, u8 buttons) override {
        const std::lock_guard lock(mutex);
        motions.push_back({dx, dy, buttons});
    }
    InputStatus status() const override { return now; }
    void observe(InputObserver* who) override { observer = who; }
    /// Device thread: the guest's lights or its kind of pointer change.
    void become(const InputStatus& status) {
        now = status;
        if (observer != nullptr) observer->input_status(now);
    }
    /// Codes of presses, negative for releases.
    std::vector<int> seen() {
        const std::lock_guard lock(mutex);
        return keys;
    }
    std::vector<std::array<unsigned, 5>> moves() {
        const std::lock_guard lock(mutex);
        return pointers;
    }
    std::atomic<int> room{-1}; ///< so many keys more may go down; negative: any number
    std::atomic<bool> still = false;
    std::mutex mutex;
    std::vector<int> keys;
    std::vector<std::array<unsigned, 5>> pointers;
    std::vector<std::array<s32, 3>> motions;
    InputStatus now;
    InputObserver* observer = nullptr;
};

/// The guest's side.
struct VncRig {
    static VncOptions defaults() {
        VncOptions options;
        options.enabled = true;
        options.display = 3000 + static_cast<unsigned>(getpid()) % 20000;
        options.to = options.display + 500;
        return options;
    }
    explicit VncRig(VncOptions options = defaults()) {
        loop.call([&] {
            auto made = VncServer::create(options, "guest-7", loop, &source, input);
            if (made.ok())
                server = std::move(made).value();
            else
                error = made.error().message;
        });
    }
    ~VncRig() { end(); }
    void end() {
        loop.call([&] { server.reset(); });
    }
    VncInfo info() {
        return loop.call([&] { return server->info(); });
    }
    int port() { return std::stoi(info().service); }
    bool password(const std::string& text) {
        return loop.call([&] { return server->set_password(text).ok(); });
    }
    /// The guest draws another picture, perhaps of another size.
    void draw(u32 seed, unsigned width = 0, unsigned height = 0) {
        loop.call([&] {
            source.seed = seed;
            source.dirty = true;
            if (width != 0) source.width = width;
            if (height != 0) source.height = height;
        });
    }

    TestSource source;
    TestInput input;
    std::string error;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
};

/// A port of its own for browsers.
inline VncDoorOptions door_at(unsigned port, std::string directory = {}) {
    VncDoorOptions door;
    if (port != 0) door.port = port;
    door.directory = std::move(directory);
    return door;
}

/// A real viewer.
class Viewer {
public:
    struct Options {
        const char* encodings = "raw";
        std::string password{};
        bool shared = true;
        bool native_format = true; ///< the server's pixel format
        std::string host = "127.0.0.1";
        std::function<void(rfbClient*)> prepare{}; ///< before it connects
        std::function<void(rfbClient&)> format{};  ///< sets another pixel format
    };
    Viewer(int port, const Options& options) : password_(options.password) {
        rfbEnableClientLogging = getenv("VIEWER_LOG") != nullptr ? TRUE : FALSE;
        client_ = rfbGetClient(8, 3, 4);
        rfbClientSetClientData(client_, &tag_, this);
        std::free(client_->serverHost);
        client_->serverHost = strdup(options.host.c_str());
        client_->serverPort = port;
        client_->canHandleNewFBSize = TRUE;
        client_->appData.encodingsString = options.encodings;
        client_->appData.shareDesktop = options.shared ? TRUE : FALSE;
        client_->appData.compressLevel = 1;
        client_->appData.qualityLevel = -1;
        client_->appData.enableJPEG = FALSE;
        client_->GetPassword = [](rfbClient* c) {
            return strdup(static_cast<Viewer*>(rfbClientGetClientData(c, &tag_))->password_.c_str());
        };
        if (options.native_format) {
            client_->format.redShift = 16;
            client_->format.greenShift = 8;
            client_->format.blueShift = 0;
        }
        if (options.prepare) options.prepare(client_);
        if (options.format) options.format(*client_);
        if (!rfbInitClient(client_, nullptr, nullptr)) client_ = nullptr; // it has freed itself
    }
    ~Viewer() { leave(); }
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;
    void leave() {
        if (client_ == nullptr) return;
        std::free(client_->frameBuffer);
        client_->frameBuffer = nullptr;
        rfbClientCleanup(client_);
        client_ = nullptr;
    }

    bool connected() const { return client_ != nullptr; }
    rfbClient* operator->() { return client_; }
    rfbClient* get() { return client_; }
    const rfbClient* get() const { return client_; }

    /// Handles what the server sends until `condition` holds. False when it hangs up or time is over.
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds within = 20s) {
        const auto end = steady_clock::now() + within;
        while (!condition()) {
            if (client_ == nullptr || steady_clock::now() > end) return false;
            // It reads ahead, and does not wait for what it has read.
            const int n = client_->buffered > 0 ? 1 : WaitForMessage(client_, 5000);
            if (n < 0 || (n > 0 && !HandleRFBServerMessage(client_))) return false;
        }
        return true;
    }
    bool shows(u32 seed, int width, int height) {
        return until([&] {
            if (client_->width != width || client_->height != height) return false;
            return matches(seed);
        });
    }
    bool hung_up() {
        return !until([] { return false; }, 10s) && steady_clock::now() < steady_clock::time_point::max() &&
               gone();
    }

private:
    bool gone() {
        char byte = 0;
        return recv(client_->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || errno != EAGAIN;
    }
    bool matches(u32 seed) const {
        const auto* pixels = reinterpret_cast<const u32*>(client_->frameBuffer);
        const auto& f = client_->format;
        const unsigned width = static_cast<unsigned>(client_->width);
        const unsigned height = static_cast<unsigned>(client_->height);
        for (unsigned y = 0; y < height; ++y)
            for (unsigned x = 0; x < width; ++x) {
                const u32 p = pixels[y * width + x];
                const u32 rgb =
                    (p >> f.redShift & 255) << 16 | (p >> f.greenShift & 255) << 8 | (p >> f.blueShift & 255);
                if (rgb != TestSource::pixel(x, y, seed)) return false;
            }
        return true;
    }
    static inline char tag_ = 0;
    std::string password_;
    rfbClient* client_ = nullptr;
};

/// A viewer made of bytes.
class RawViewer {
public:
    /// `from`: another address of the loopback interface is another peer.
    explicit RawViewer(int port, const char* from = "127.0.0.1") : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in own{};
        own.sin_family = AF_INET;
        inet_pton(AF_INET, from, &own.sin_addr);
        if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0) return;
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<u16>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~RawViewer() { close(fd_); }
    RawViewer(const RawViewer&) = delete;
    RawViewer& operator=(const RawViewer&) = delete;

    void send(std::string_view bytes) {
        if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
    }
    void send(std::initializer_list<unsigned> bytes) {
        std::string text;
        for (const unsigned b : bytes)
            text.push_back(static_cast<char>(b));
        send(text);
    }
    /// Exactly `n` bytes, fewer when the server hangs up or is silent for long.
    std::string receive(std::size_t n, int timeout_ms = 20000) {
        std::string got;
        while (got.size() < n) {
            pollfd p{fd_, POLLIN, 0};
            if (poll(&p, 1, timeout_ms) <= 0) break;
            char buffer[4096];
            const ssize_t r = recv(fd_, buffer, std::min(sizeof(buffer), n - got.size()), 0);
            if (r <= 0) break;
            got.append(buffer, static_cast<std::size_t>(r));
        }
        return got;
    }
    /// Up to ServerInit, without a password.
    bool enter() {
        receive(12);
        send("RFB 003.008\n");
        if (receive(2) != std::string("\x01\x01")) return false;
        send({1});
        receive(4);
        send({1});
        const std::string init = receive(24);
        if (init.size() != 24) return false;
        receive(static_cast<unsigned char>(init[23]));
        return true;
    }
    bool hung_up(int timeout_ms = 20000) {
        pollfd p{fd_, POLLIN, 0};
        char buffer[4096];
        for (;;) {
            if (poll(&p, 1, timeout_ms) <= 0) return false;
            if (recv(fd_, buffer, sizeof(buffer), 0) <= 0) return true;
        }
    }
    int fd() const { return fd_; }
    bool connected() const { return connected_; }

private:
    int fd_;
    bool connected_ = false;
};

} // namespace dm::vnc::test

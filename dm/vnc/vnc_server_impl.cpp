#include "dm/vnc/vnc_server_impl.hpp"

#include "dm/vnc/libvncserver.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

constexpr auto kPictureWait = std::chrono::milliseconds(500);
constexpr int kWriteTimeoutMs = 20'000; // a viewer that takes nothing for so long is gone
constexpr unsigned kNotesPerMinute = 30;
constexpr int kTurnWaitMs = 20'000; // for a password to be looked at while many are wrong
constexpr unsigned kTurnPollMs = 100;
constexpr u64 kMinute = 60 * kSecond;
constexpr u64 kRoomPoll = 10 * kMillisecond;      // while keys wait for the guest
constexpr u64 kLateRoomPoll = 200 * kMillisecond; // for one that does not take any
constexpr u64 kKeyPatience = 2 * kSecond;         // until then
constexpr std::size_t kMostInputs = 2 * VncServer::kMostViewers;

/// LibVNCServer's messages are about what viewers send: for those who debug.
void library_log(const char* format, ...) { // NOLINT(cert-dcl50-cpp): the library's way to log
    if (!Log::debug_enabled()) return;
    std::array<char, 256> text{};
    va_list arguments;
    va_start(arguments, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" // the format is the library's
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
#pragma GCC diagnostic pop
    va_end(arguments);
    if (length < 0) return;
    std::string_view line(text.data());
    while (!line.empty() && line.back() == '\n')
        line.remove_suffix(1);
    Log("libvncserver").debug("{}", line);
}

std::string_view name_of(Door door) {
    switch (door) {
    case Door::Rfb: return "listening";
    case Door::WebSocket: return "listening for WebSockets";
    case Door::Web: return "listening for browsers";
    }
    return "";
}

std::string who(const Endpoint& peer) {
    return peer.family == "unix" ? std::string("a local viewer") : peer.host + " port " + peer.service;
}

} // namespace

VncServer::Impl::Impl(const VncOptions& options, std::string_view guest_name, EventLoop& loop,
                      DisplaySource* source, InputSink& input, Doors doors, PixelBuffer buffer,
                      const Keymap& keymap)
    : options_(options), title_(guest_name), loop_(loop), input_(input), keymap_(keymap),
      doors_(std::move(doors)), buffer_(std::move(buffer)), auth_(options.password_required),
      input_timer_(loop.host_timers(), [this] { deliver_input(); }),
      screen_(loop, source, buffer_.pixels(), *this) {}

VncServer::Impl::~Impl() {
    shut_down();
    for (rfbScreenInfo* screen : free_screens_)
        LibVncServer::loaded().screen_cleanup(screen);
}

Status VncServer::Impl::start() {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail("-vnc: no pipe: {}", std::strerror(errno));
    wake_read_ = UniqueFd(ends[0]);
    wake_write_ = UniqueFd(ends[1]);
    if (!accepting_.start("vnc-accept", [this] { accept_viewers(); }))
        return fail("-vnc: no thread to be had");
    input_status(input_.status());
    input_.observe(this);
    for (const Doors::Listening& door : doors_.all()) {
        const Endpoint& at = door.listener.endpoint();
        log_.info("{} on {}{}{}", name_of(door.door), at.host, at.service.empty() ? "" : " port ",
                  at.service);
    }
    return {};
}

void VncServer::Impl::shut_down() {
    if (std::exchange(shut_down_, true)) return;
    input_.observe(nullptr);
    closing_ = true;
    wake_accepting_thread();
    accepting_.join();
    Sessions sessions;
    {
        const std::lock_guard lock(mutex_);
        picture_drawn_.notify_all();
        for (const auto& session : sessions_)
            session->stop("the server ends");
        std::swap(sessions, sessions_);
    }
    for (const auto& session : sessions)
        session->join();
    for (const auto& session : sessions)
        if (session->screen() != nullptr) free_screens_.push_back(session->screen());
    screen_.watch(false);
    input_timer_.disarm();
    take_new_inputs();
    for (const auto& input : inputs_)
        input->drain(input_, InputQueue::Until::Never); // the keys that the viewers still held are released
}

u64 VncServer::Impl::now_ns() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

void VncServer::Impl::post(void (Impl::*task)()) {
    loop_.post([weak = weak_from_this(), task] {
        const auto self = weak.lock();
        if (self && !self->shut_down_) (self.get()->*task)();
    });
}

void VncServer::Impl::note(std::string text) {
    {
        const std::lock_guard lock(mutex_);
        const u64 now = now_ns();
        if (notes_since_ns_ == 0 || now - notes_since_ns_ > kMinute) {
            notes_since_ns_ = now;
            notes_left_ = kNotesPerMinute;
        }
        if (notes_left_ == 0) return;
        if (--notes_left_ == 0) text += " (no more of this for a minute)";
    }
    log_.info("{}", text);
}

VncInfo VncServer::Impl::info() {
    const Endpoint& at = doors_.all().front().listener.endpoint();
    VncInfo info{at.host, at.service, at.family, doors_.auth(auth_.required()), {}};
    const std::lock_guard lock(mutex_);
    for (const auto& session : sessions_)
        if (session->entered() && !session->finished())
            info.clients.push_back(
                {session->peer().host, session->peer().service, session->door() != Door::Rfb});
    return info;
}

// ---- the accepting thread

void VncServer::Impl::wake_accepting_thread() {
    const char byte = 0;
    // When the pipe is full there are wake-ups enough.
    if (write(wake_write_.get(), &byte, 1) < 0) return;
}

void VncServer::Impl::accept_viewers() {
    std::vector<pollfd> fds = {{wake_read_.get(), POLLIN, 0}};
    for (const Doors::Listening& door : doors_.all())
        fds.push_back({door.listener.fd(), POLLIN, 0});
    while (!closing_) {
        if (poll(fds.data(), fds.size(), -1) < 0) continue;
        std::array<char, 64> bytes{};
        while (read(wake_read_.get(), bytes.data(), bytes.size()) > 0) {
        }
        reap();
        for (std::size_t i = 0; i < doors_.all().size() && !closing_; ++i)
            if (fds[i + 1].revents != 0) accept_one(doors_.all()[i]);
    }
}

void VncServer::Impl::accept_one(const Doors::Listening& from) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    UniqueFd fd(accept4(from.listener.fd(), reinterpret_cast<sockaddr*>(&address), &length,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
        // Out of descriptors: the connection stays in the backlog, and poll() would return at once for ever.
        if (errno != EAGAIN && errno != ECONNABORTED) usleep(100'000);
        return;
    }
    Endpoint peer = describe(address, length);
    const std::string name = peer_of(peer);
    if (!crowd_.may_knock(name, now_ns())) return;
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    make_room(name);
    const std::lock_guard lock(mutex_);
    sessions_.push_back(std::make_unique<VncSession>(*this, std::move(fd), std::move(peer), from.door,
                                                     doors_.means(), keymap_, locks_));
    sessions_.back()->publish(status_);
    if (cursor_ != nullptr) sessions_.back()->publish(cursor_);
    if (!sessions_.back()->start()) sessions_.pop_back();
}

void VncServer::Impl::remove(VncSession& session) {
    session.join();
    std::unique_ptr<VncSession> gone; // after the lock, which the device thread may want: that takes a while
    const std::lock_guard lock(mutex_);
    if (session.screen() != nullptr) free_screens_.push_back(session.screen());
    std::erase_if(wishes_, [&](const Wish& wish) { return wish.session == &session; });
    const auto slot =
        std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& s) { return s.get() == &session; });
    gone = std::move(*slot);
    sessions_.erase(slot);
}

void VncServer::Impl::reap() {
    std::vector<VncSession*> done;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& session : sessions_)
            if (session->finished()) done.push_back(session.get());
    }
    for (VncSession* session : done)
        remove(*session);
}

// Connections that have not got in yet make way for new ones: whoever opens many and says nothing keeps
// nobody out.
void VncServer::Impl::make_room(const std::string& newcomer) {
    reap();
    std::vector<VncSession*> outside;
    std::vector<Crowd::Waiting> waiting;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& session : sessions_) {
            if (session->entered()) continue;
            const std::string name = peer_of(session->peer());
            outside.push_back(session.get());
            waiting.push_back({name, auth_.failures(name)});
        }
    }
    const auto chosen = Crowd::in_the_way(waiting, newcomer);
    if (!chosen) return;
    outside[*chosen]->stop("made room for another connection");
    remove(*outside[*chosen]);
}

// ---- the viewers' threads

std::string VncServer::Impl::refuses(VncSession& session, std::span<const u8, kChallengeBytes> challenge,
                                     std::span<const u8, kChallengeBytes> response) {
    const Endpoint& peer = session.peer();
    const VncAuth::Turn turn(auth_, peer_of(peer));
    const Moment last = after_ms(kTurnWaitMs);
    VncAuth::Verdict verdict = auth_.check(turn, challenge, response, now_ns());
    while (verdict == VncAuth::Verdict::NotYet && ms_until(last) > 0 && !session.given_up()) {
        usleep(kTurnPollMs * 1000);
        verdict = auth_.check(turn, challenge, response, now_ns());
    }
    switch (verdict) {
    case VncAuth::Verdict::Right: return {};
    case VncAuth::Verdict::Wrong: note(who(peer) + " gave a wrong password"); return "password check failed!";
    case VncAuth::Verdict::NoPasswordSet:
        note(who(peer) + " was turned away: no password has been set yet");
        return "no password has been set yet";
    case VncAuth::Verdict::Expired:
        note(who(peer) + " was turned away: the password has expired");
        return "the password has expired";
    case VncAuth::Verdict::TooManyTries:
    case VncAuth::Verdict::NotYet: break;
    }
    note(who(peer) + " was turned away: too many wrong passwords, it has to wait");
    return "too many wrong passwords: wait";
}

Status VncServer::Impl::make_screens() {
    const std::lock_guard making(screens_mutex_);
    if (screens_made_) return {};
    DM_TRY_ASSIGN(const LibVncServer* rfb, LibVncServer::load());
    *rfb->log = library_log;
    *rfb->err = library_log;
    // All of them now: its first screen sets up what is the library's, with no lock.
    std::vector<rfbScreenInfo*> made;
    for (std::size_t i = 0; i < kMostViewers; ++i)
        if (rfbScreenInfo* const screen = make_screen(*rfb)) made.push_back(screen);
    const std::lock_guard lock(mutex_);
    free_screens_ = std::move(made);
    screens_made_ = true;
    return {};
}

rfbScreenInfo* VncServer::Impl::make_screen(const LibVncServer& rfb) {
    constexpr ScreenSize kAny{720, 400}; // take_screen() knows the right one
    rfbScreenInfo* const screen = rfb.get_screen(nullptr, nullptr, static_cast<int>(kAny.width),
                                                 static_cast<int>(kAny.height), 8, 3, 4);
    if (screen == nullptr) return nullptr;
    screen->serverFormat.depth = 24;
    screen->serverFormat.redShift = 16; // pixels are 0x00RRGGBB
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
    screen->desktopName = title_.c_str();
    screen->cursor = nullptr;    // the guest draws its own
    screen->alwaysShared = TRUE; // decided in wants(), where all viewers are known
    screen->deferUpdateTime = 0;
    screen->maxClientWait = kWriteTimeoutMs;
    // Its client's socket is closed by us, not by whatever call finds out that the viewer has left.
    screen->backgroundLoop = TRUE;
    return screen;
}

Result<rfbScreenInfo*> VncServer::Impl::take_screen(VncSession& session) {
    if (const Status made = make_screens(); !made.ok()) {
        note(who(session.peer()) + " was turned away: " + made.error().message);
        return fail("the VNC server lacks a library: see the log of the device model");
    }
    {
        const std::lock_guard lock(mutex_);
        if (!free_screens_.empty()) {
            rfbScreenInfo* const screen = free_screens_.back();
            free_screens_.pop_back();
            screen->width = static_cast<int>(size_.width);
            screen->height = static_cast<int>(size_.height);
            screen->frameBuffer = reinterpret_cast<char*>(buffer_.pixels()); // not the last viewer's copy
            screen->paddedWidthInBytes = static_cast<int>(PixelBuffer::kMaxWidth * sizeof(u32));
            return screen;
        }
    }
    note(who(session.peer()) + " was turned away: " + std::to_string(kMostViewers) + " viewers are the most");
    return fail("too many viewers are here already");
}

ScreenSize VncServer::Impl::entered(VncSession& session) {
    note(who(session.peer()) + " connected");
    {
        const std::lock_guard lock(mutex_);
        ++viewers_;
        new_inputs_.push_back(session.input());
    }
    post(&Impl::update_watch);
    std::unique_lock lock(mutex_);
    picture_drawn_.wait_for(lock, kPictureWait, [this] { return picture_ready_ || closing_; });
    return size_;
}

void VncServer::Impl::wants(VncSession& session, bool exclusive) {
    if (!exclusive || options_.share != VncShare::AllowExclusive) return;
    const std::lock_guard lock(mutex_);
    for (const auto& other : sessions_)
        if (other.get() != &session && other->entered())
            other->stop("another viewer asked to be the only one");
}

void VncServer::Impl::size_wished(VncSession& session, const ScreenSize& size) {
    {
        const std::lock_guard lock(mutex_);
        const bool was_empty = wishes_.empty();
        auto it = std::find_if(wishes_.begin(), wishes_.end(),
                               [&](const Wish& wish) { return wish.session == &session; });
        if (it == wishes_.end()) it = wishes_.insert(it, {&session, {}, 0});
        it->size = size;
        ++it->times;
        if (!was_empty) return;
    }
    post(&Impl::grant_wishes);
}

void VncServer::Impl::left(VncSession& session, const std::string& why) {
    if (session.entered()) {
        note(who(session.peer()) + " left: " + why);
        {
            const std::lock_guard lock(mutex_);
            --viewers_;
        }
        post(&Impl::update_watch);
    }
    wake_accepting_thread();
}

// ---- the device thread

void VncServer::Impl::update_watch() {
    bool wanted = false;
    {
        const std::lock_guard lock(mutex_);
        wanted = viewers_ > 0;
    }
    if (wanted == screen_.watched()) return;
    if (!wanted) {
        {
            const std::lock_guard lock(mutex_);
            picture_ready_ = false;
        }
        screen_.watch(false);
        buffer_.release();
        return;
    }
    screen_.watch(true); // draws and publishes
    const std::lock_guard lock(mutex_);
    picture_ready_ = true;
    picture_drawn_.notify_all();
}

void VncServer::Impl::take_new_inputs() {
    const std::lock_guard lock(mutex_);
    for (; !new_inputs_.empty(); new_inputs_.pop_back())
        inputs_.push_back(new_inputs_.back());
}

/// What the devices have no room for stays where it is, and we look again.
void VncServer::Impl::deliver_input() {
    take_new_inputs();
    const u64 now = loop_.host_timers().now_ns();
    if (input_.key_room()) no_room_since_ns_.reset();
    const bool late = no_room_since_ns_ && now - *no_room_since_ns_ >= kKeyPatience;
    bool gave = false;
    bool waits = false;
    const bool crowd = inputs_.size() > kMostInputs; // of viewers that come, type and leave
    using Until = InputQueue::Until;
    const Until until = !late && !crowd ? Until::Room : input_.stands_still() ? Until::Never : Until::Nobody;
    const std::size_t all = inputs_.size();
    for (std::size_t i = 0; i < all; ++i) {
        InputQueue* const input = inputs_[(turn_ + i) % all].get();
        gave |= input->drain(input_, until);
        waits |= input->left() == InputQueue::Left::Something;
    }
    for (std::size_t i = all; i > 0; --i) {
        if (inputs_[i - 1]->left() != InputQueue::Left::Closed) continue;
        inputs_[i - 1].swap(inputs_.back());
        inputs_.pop_back();
    }
    if (gave) screen_.hasten();
    if (!waits) {
        no_room_since_ns_.reset();
        input_timer_.disarm();
        return;
    }
    if (!no_room_since_ns_) no_room_since_ns_ = now;
    input_timer_.arm(now + (late ? kLateRoomPoll : kRoomPoll));
    ++turn_; // another viewer's keys come first
}

void VncServer::Impl::grant_wishes() {
    std::vector<Wish> wishes;
    {
        const std::lock_guard lock(mutex_);
        std::swap(wishes, wishes_);
    }
    for (const Wish& wish : wishes) {
        const SizeStatus status = screen_.propose(wish.size);
        const std::lock_guard lock(mutex_);
        for (const auto& session : sessions_)
            if (session.get() == wish.session) session->answer_size(status, wish.times);
    }
}

void VncServer::Impl::show(const ScreenSize& size, std::span<const Rect> changed) {
    const std::lock_guard lock(mutex_);
    size_ = size;
    for (const auto& session : sessions_)
        session->publish(size, changed);
}

bool VncServer::Impl::draws_cursor() {
    const std::lock_guard lock(mutex_);
    // Moved by a relative pointer, the guest's cursor is not where the viewer's is.
    return status_.absolute && std::all_of(sessions_.begin(), sessions_.end(), [](const auto& session) {
               return !session->entered() || session->draws_cursor();
           });
}

void VncServer::Impl::show(const CursorPtr& cursor) {
    const std::lock_guard lock(mutex_);
    cursor_ = cursor;
    for (const auto& session : sessions_)
        session->publish(cursor);
}

void VncServer::Impl::input_status(const InputStatus& now) {
    const std::lock_guard lock(mutex_);
    // Guests that do not set the lights keep the lock keys that were counted.
    if (now.leds != status_.leds) locks_.lit(now.leds);
    status_ = now;
    for (const auto& session : sessions_)
        session->publish(now);
}

} // namespace dm::vnc

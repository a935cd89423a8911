#include "dm/vnc/vnc_session.hpp"

#include "dm/vnc/libvncserver.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

constexpr std::string_view kOurVersion = "RFB 003.008\n";
constexpr int kVersionBytes = 12;

// LibVNCServer keeps its list of security types in a global variable and rewrites it for every viewer.
std::mutex security_types;

} // namespace

VncSession::VncSession(VncSessionHost& host, UniqueFd fd, Endpoint peer, rfbScreenInfo* screen,
                       const Keymap& keymap, LockState& locks)
    : host_(host), fd_(std::move(fd)), peer_(std::move(peer)), screen_(screen),
      keys_(keymap, locks, [this](KeyCode code, bool down) { host_.key(code, down); }) {}

VncSession::~VncSession() {
    stop("");
    join();
}

bool VncSession::start() {
    return main_.start("vnc-viewer", [this] { run(); });
}

void VncSession::stop(std::string_view why) {
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = why;
    mail_.stop = true;
    // The descriptor stays open until the threads are gone; this ends whatever they wait for on it.
    shutdown(fd_.get(), SHUT_RDWR);
    mail_arrived_.notify_all();
    mail_taken_.notify_all();
}

std::string VncSession::reason() {
    const std::lock_guard lock(mutex_);
    return why_;
}

void VncSession::run() {
    if (create_client() && shake_hands()) serve();
    stop("disconnected");
    reader_.join();
    keys_.release_all();
    if (client_ != nullptr) {
        client_->sock = RFB_INVALID_SOCKET; // ours to close
        rfbClientConnectionGone(client_);
        client_ = nullptr;
    }
    finished_ = true; // whoever takes the session away waits for this thread
    host_.left(*this, reason());
}

// ---- coming in

// rfbNewClient() first waits whether a new connection speaks WebSockets or TLS, and would answer. We offer
// neither, and nobody has to wait: it gets one end of a socket pair on which "RFB " has been said already,
// and the viewer's socket afterwards.
bool VncSession::create_client() {
    const int on = 1;
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const UniqueFd near(ends[0]);
    const UniqueFd far(ends[1]);
    if (near.get() >= FD_SETSIZE || fd_.get() >= FD_SETSIZE) return false; // it uses select()
    if (write(far.get(), kOurVersion.data(), 4) != 4) return false;
    client_ = rfbNewClient(screen_, near.get());
    if (client_ == nullptr) return false;
    client_->sock = fd_.get();
    client_->clientData = this;
    return true;
}

// Until the handshake ends, or for the user to type a password.
bool VncSession::await_input() {
    if (wait_readable(fd_.get(), kHandshakeMs)) return true;
    stop("said nothing");
    return false;
}

bool VncSession::read_version() {
    if (rfbWriteExact(client_, kOurVersion.data(), kVersionBytes) < 0 || !await_input()) return false;
    std::array<char, kVersionBytes + 1> version{};
    if (rfbReadExact(client_, version.data(), kVersionBytes) <= 0) return false;
    const auto number = [&](std::size_t at) {
        int n = 0;
        for (std::size_t i = at; i < at + 3; ++i) {
            if (version[i] < '0' || version[i] > '9') return -1;
            n = n * 10 + (version[i] - '0');
        }
        return n;
    };
    const int major = number(4);
    const int minor = number(8);
    if (std::memcmp(version.data(), "RFB ", 4) != 0 || version[7] != '.' || version[11] != '\n' ||
        major != 3 || minor < 3) {
        stop("does not speak RFB 3");
        return false;
    }
    client_->protocolMajorVersion = major;
    client_->protocolMinorVersion = minor;
    return true;
}

bool VncSession::shake_hands() {
    if (!read_version()) return false;
    {
        const std::lock_guard lock(security_types);
        rfbAuthNewClient(client_);
    }
    while (client_->state == _rfbClientRec::RFB_SECURITY_TYPE ||
           client_->state == _rfbClientRec::RFB_AUTHENTICATION) {
        if (!await_input()) return false;
        rfbProcessClientMessage(client_);
    }
    const bool apple = client_->state == _rfbClientRec::RFB_NORMAL; // sends no ClientInit: it is in already
    if (client_->state != _rfbClientRec::RFB_INITIALISATION && !apple) return false;

    entered_ = true;
    picture_.begin(client_, host_.entered(*this));
    u8 shared = 1;
    if (!apple) {
        if (!await_input() || recv(fd_.get(), &shared, 1, MSG_PEEK) != 1) return false;
        rfbProcessClientMessage(client_);
    }
    host_.wants(*this, shared == 0);
    return client_->state == _rfbClientRec::RFB_NORMAL;
}

signed char VncSession::check_password(rfbClientPtr client, const char* response, int length) {
    auto& session = *static_cast<VncSession*>(client->clientData);
    if (length != static_cast<int>(kChallengeBytes)) return FALSE;
    std::array<u8, kChallengeBytes> answer{};
    std::memcpy(answer.data(), response, answer.size());
    const std::span<const u8, kChallengeBytes> challenge(client->authChallenge, kChallengeBytes);
    return session.host_.password_right(session, challenge, answer) ? TRUE : FALSE;
}

// ---- the mailbox

template <class Change> void VncSession::post(Change change) {
    const std::lock_guard lock(mutex_);
    change(mail_);
    mail_arrived_.notify_all();
}

void VncSession::publish(const ScreenSize& size, std::span<const Rect> changed) {
    post([&](ViewerMail& mail) {
        mail.size = size;
        for (const Rect& rect : changed)
            mail.add_change(rect);
    });
}

void VncSession::publish(const InputStatus& status) {
    post([&](ViewerMail& mail) { mail.input = status; });
}

void VncSession::publish(const CursorPtr& cursor) {
    post([&](ViewerMail& mail) { mail.cursor = cursor; });
}

void VncSession::answer_size(SizeStatus status, unsigned times) {
    post([&](ViewerMail& mail) {
        const unsigned before = mail.size_answer ? mail.size_answer->times : 0;
        mail.size_answer = {status, std::min(before + times, ViewerMail::kMostAnswers)};
    });
}

void VncSession::set_pixel_format(const PixelFormat& format) {
    post([&](ViewerMail& mail) { mail.format = format; });
}

void VncSession::set_encodings(const Encodings& encodings) {
    keys_.viewer_has_lights(encodings.led_state.has_value());
    post([&](ViewerMail& mail) { mail.encodings = encodings; });
}

void VncSession::update_requested(const UpdateRequest& r) {
    const Rect rect{r.x, r.y, r.width, r.height};
    if (r.width == 0 || r.height == 0) return;
    post([&](ViewerMail& mail) {
        mail.requested = bounding(mail.requested, rect);
        if (!r.incremental) mail.wanted = bounding(mail.wanted, rect);
    });
}

void VncSession::desktop_size_requested(const SizeRequest& r) {
    if (!r.one_screen || r.width == 0 || r.height == 0)
        answer_size(SizeStatus::InvalidLayout, 1);
    else
        host_.size_wished(*this, {r.width, r.height});
}

void VncSession::continuous_updates(bool on, const Rect& area) {
    post([&](ViewerMail& mail) {
        mail.continuous = {on, area};
        if (!on) mail.ends = std::min(mail.ends + 1, ViewerMail::kMostAnswers);
    });
}

// Whoever asks for more fences than there is room waits for the answers, and so does who wants nothing done
// before the answer: that is only his own reading thread.
void VncSession::fence(const FenceMessage& fence) {
    std::unique_lock lock(mutex_);
    if ((fence.flags & REQUEST) == 0) { // ours has come back
        if (fence.length != sizeof(u32)) return;
        u32 number = 0;
        for (const u8 byte : fence.content())
            number = number << 8 | byte;
        mail_.returned = {number, ViewerPicture::now_ns()};
        mail_arrived_.notify_all();
        return;
    }
    if (mail_.fence_count == ViewerMail::kMostFences) {
        mail_.held = false;
        mail_arrived_.notify_all();
        mail_taken_.wait(lock, [this] { return mail_.stop || mail_.fence_count < ViewerMail::kMostFences; });
    }
    if (mail_.stop) return;
    mail_.fences[mail_.fence_count++] = fence;
    mail_.held = (fence.flags & SYNC_NEXT) != 0;
    mail_arrived_.notify_all();
    if ((fence.flags & (SYNC_NEXT | BLOCK_AFTER)) == BLOCK_AFTER)
        mail_taken_.wait(lock, [this] { return mail_.stop || (mail_.fence_count == 0 && !serving_); });
}

void VncSession::followed() {
    post([](ViewerMail& mail) { mail.held = false; });
}

// ---- input

void VncSession::key_symbol(u32 keysym, bool down) {
    keys_.symbol(keysym, down);
}

// The key is given by its XT scan code: 0xe0-prefixed ones with bit 7 set, or with the prefix before them.
void VncSession::extended_key(u32 keysym, u32 keycode, bool down) {
    if (keycode >> 8 == 0xe0) keycode = (keycode & 0x7f) | 0x80;
    if (keycode == 0)
        keys_.symbol(keysym, down);
    else if (keycode <= 0xff)
        keys_.extended(keysym, static_cast<KeyCode>(keycode), down);
}

void VncSession::pointer(u16 x, u16 y, u8 buttons) {
    if (knows_.no_places) {
        host_.motion(x - kNoMotion, y - kNoMotion, buttons);
        return;
    }
    const u32 size = knows_.size;
    const ScreenSize screen{size >> 16, size & 0xffff};
    if (screen.width == 0 || screen.height == 0) return;
    host_.pointer(std::min<unsigned>(x, screen.width - 1), std::min<unsigned>(y, screen.height - 1), screen,
                  buttons);
}

void VncSession::read_messages() {
    RfbReader reader(fd_.get(), *this);
    while (reader.message()) {
    }
    stop(reader.why());
}

// ---- the picture

void VncSession::serve() {
    if (!reader_.start("vnc-input", [this] { read_messages(); })) {
        stop("no thread to be had");
        return;
    }
    std::unique_lock lock(mutex_);
    while (picture_.connected()) {
        mail_arrived_.wait(lock, [this] { return mail_.ready(); });
        if (mail_.stop) return;
        const ViewerMail mail = std::exchange(mail_, ViewerMail{});
        serving_ = true;
        lock.unlock();
        picture_.apply(mail);
        picture_.send_updates();
        lock.lock();
        serving_ = false;
        mail_taken_.notify_all();
    }
    if (why_.empty()) why_ = "does not read what it is sent";
}

} // namespace dm::vnc

#include "dm/vnc/vnc_session.hpp"

#include "dm/vnc/libvncserver.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

constexpr unsigned kPlaceWaitMs = 20; // then a look whether the viewer is still there

} // namespace

VncSession::VncSession(VncSessionHost& host, UniqueFd fd, Endpoint peer, Door door, const DoorMeans& means,
                       const Keymap& keymap, LockState& locks)
    : host_(host), peer_(std::move(peer)), door_(door), entrance_(std::move(fd), door, means, *this),
      keys_(keymap, locks, [this](KeyCode code, bool down) { key(code, down); }) {}

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
    entrance_.hang_up();
    mail_arrived_.notify_all();
    mail_taken_.notify_all();
}

bool VncSession::given_up() {
    const std::lock_guard lock(mutex_);
    return mail_.stop || entrance_.abandoned();
}

std::string VncSession::reason() {
    const std::lock_guard lock(mutex_);
    return why_;
}

void VncSession::run() {
    if (come_in())
        serve();
    else
        entrance_.finish(); // it may read why not
    stop("disconnected");
    reader_.join();
    if (input_ != nullptr) end_input();
    if (client_ != nullptr) {
        client_->sock = RFB_INVALID_SOCKET; // ours to close
        LibVncServer::loaded().client_connection_gone(client_);
        client_ = nullptr;
    }
    finished_ = true; // whoever takes the session away waits for this thread
    host_.left(*this, reason());
}

// ---- coming in

bool VncSession::come_in() {
    if (entrance_.pass()) return create_client() && initialise();
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = entrance_.why();
    return false;
}

std::string VncSession::no_place() {
    const Result<_rfbScreenInfo*> screen = host_.take_screen(*this);
    if (!screen.ok()) return screen.error().message;
    screen_ = screen.value();
    return "";
}

// rfbNewClient() first waits whether a new connection speaks WebSockets or TLS, and would answer. That is
// over by now, and nobody has to wait: it gets one end of a socket pair on which "RFB " has been said
// already, and the viewer's socket afterwards.
bool VncSession::create_client() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const UniqueFd near(ends[0]);
    const UniqueFd far(ends[1]);
    if (near.get() >= FD_SETSIZE || entrance_.fd() >= FD_SETSIZE) return false; // it uses select()
    if (write(far.get(), "RFB ", 4) != 4) return false;
    client_ = LibVncServer::loaded().new_client(screen_, near.get());
    if (client_ == nullptr) return false;
    client_->sock = entrance_.fd();
    client_->clientData = this;
    client_->protocolMajorVersion = 3;
    client_->protocolMinorVersion = entrance_.minor();
    client_->state = entrance_.no_client_init() ? _rfbClientRec::RFB_INITIALISATION_SHARED
                                                : _rfbClientRec::RFB_INITIALISATION;
    return true;
}

// ClientInit and ServerInit.
bool VncSession::initialise() {
    input_ = std::make_shared<InputQueue>();
    entered_ = true;
    picture_.begin(client_, host_.entered(*this));
    u8 shared = 1;
    if (!entrance_.no_client_init() && (!wait_for(entrance_.fd(), POLLIN, after_ms(kClientInitMs)) ||
                                        recv(entrance_.fd(), &shared, 1, MSG_PEEK) != 1)) {
        stop("said nothing after its password");
        return false;
    }
    LibVncServer::loaded().process_client_message(client_);
    host_.wants(*this, shared == 0);
    return client_->state == _rfbClientRec::RFB_NORMAL;
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

/// Only this thread waits, for a guest that reads slower than its viewer types. False: the viewer left
/// meanwhile, so what it has still sent is not typed behind a gap.
bool VncSession::wait_for_place() {
    while (!cut_off_ && !input_->wait_for_place(kPlaceWaitMs)) {
        if (entrance_.hung_up_on()) stop("disconnected");
        const std::lock_guard lock(mutex_);
        cut_off_ = mail_.stop;
    }
    return !cut_off_;
}

void VncSession::key(KeyCode code, bool down) {
    if (!wait_for_place() && down) return;
    if (input_->push_key(code, down)) host_.input_arrived();
}

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
    pointed_ = {x, y, buttons};
    wait_for_place();
    const u32 size = knows_.size;
    const ScreenSize screen{size >> 16, size & 0xffff};
    bool tell = false;
    if (knows_.no_places)
        tell = input_->push_motion(x - kNoMotion, y - kNoMotion, buttons);
    else if (screen.width != 0 && screen.height != 0)
        tell = input_->push_pointer(std::min<unsigned>(x, screen.width - 1),
                                    std::min<unsigned>(y, screen.height - 1), screen.width, screen.height,
                                    buttons);
    if (tell) host_.input_arrived();
}

/// Where they were pressed: a drag must not end elsewhere.
void VncSession::release_buttons() {
    if (pointed_.buttons == 0) return;
    if (knows_.no_places)
        pointer(kNoMotion, kNoMotion, 0);
    else
        pointer(pointed_.x, pointed_.y, 0);
}

/// Nothing waits any more: where there is no place, releases are owed.
void VncSession::end_input() {
    cut_off_ = true;
    keys_.release_all();
    release_buttons();
    input_->close();
    host_.input_arrived();
}

void VncSession::read_messages() {
    RfbReader reader(entrance_.fd(), *this);
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

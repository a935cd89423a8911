// vncdrive: a VNC client driven by commands on standard input, built on libvncclient so that the pictures it
// sees are decoded by code that shares nothing with the server under test.
//
//   vncdrive [--password TEXT] [--encodings "hextile raw"] [--key-delay MS] [--ca FILE] HOST:PORT
//
// With --ca the server may ask for TLS, and the certificate that it shows must be of that authority.
//
// Every command is answered by one line: "ok ..." or "error ...".
//   size                  ok WIDTH HEIGHT NAME
//   shot FILE             writes what the client sees now as PPM
//   refresh               asks for the whole picture again and waits for it
//   wait-update MS        ok updated | ok none
//   received              ok BYTES, since it connected
//   key KEYSYM down|up    KEYSYM: a character, a name such as Return or F12, or 0x...
//   tap KEYSYM            down and up
//   type TEXT             taps each character, with Shift where a US keyboard needs it
//   pointer X Y BUTTONS   BUTTONS: sum of 1 left, 2 middle, 4 right, 8 wheel up, 16 wheel down
//   quit
//
// What libvncclient has to say goes to standard error.

#include <rfb/keysym.h>
#include <rfb/rfbclient.h>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Options {
    std::string host = "127.0.0.1";
    int port = 5900;
    std::string password;
    std::string encodings = "tight zrle copyrect hextile zlib corre rre raw";
    std::string authority; // file of its certificate
    milliseconds key_delay{40};
};

// libvncclient's callbacks get no pointer of ours that is simpler than these two.
Options options;
unsigned long updates = 0;

std::optional<rfbKeySym> keysym_of(const std::string& name) {
    static const std::map<std::string, rfbKeySym> names = {
        {"Return", XK_Return},
        {"Enter", XK_Return},
        {"Escape", XK_Escape},
        {"Tab", XK_Tab},
        {"BackSpace", XK_BackSpace},
        {"Delete", XK_Delete},
        {"Insert", XK_Insert},
        {"Home", XK_Home},
        {"End", XK_End},
        {"Page_Up", XK_Page_Up},
        {"Page_Down", XK_Page_Down},
        {"Up", XK_Up},
        {"Down", XK_Down},
        {"Left", XK_Left},
        {"Right", XK_Right},
        {"Space", XK_space},
        {"Shift_L", XK_Shift_L},
        {"Shift_R", XK_Shift_R},
        {"Control_L", XK_Control_L},
        {"Control_R", XK_Control_R},
        {"Alt_L", XK_Alt_L},
        {"Alt_R", XK_Alt_R},
        {"Super_L", XK_Super_L},
        {"Super_R", XK_Super_R},
        {"Menu", XK_Menu},
        {"Caps_Lock", XK_Caps_Lock},
        {"Num_Lock", XK_Num_Lock},
        {"Scroll_Lock", XK_Scroll_Lock},
        {"Print", XK_Print},
        {"Pause", XK_Pause},
        {"KP_Enter", XK_KP_Enter},
        {"KP_Add", XK_KP_Add},
        {"KP_Subtract", XK_KP_Subtract},
        {"KP_Multiply", XK_KP_Multiply},
        {"KP_Divide", XK_KP_Divide},
        {"KP_Decimal", XK_KP_Decimal},
        {"ISO_Level3_Shift", XK_ISO_Level3_Shift},
    };
    if (name.size() == 1) return static_cast<unsigned char>(name[0]);
    if (name.starts_with("0x")) return static_cast<rfbKeySym>(std::strtoul(name.c_str(), nullptr, 16));
    if (auto found = names.find(name); found != names.end()) return found->second;
    int number = 0;
    if (std::sscanf(name.c_str(), "F%d", &number) == 1 && number >= 1 && number <= 12)
        return XK_F1 + number - 1;
    if (std::sscanf(name.c_str(), "KP_%d", &number) == 1 && number >= 0 && number <= 9)
        return XK_KP_0 + number;
    return std::nullopt;
}

bool needs_shift(char c) {
    return (c >= 'A' && c <= 'Z') || std::strchr("~!@#$%^&*()_+{}|:\"<>?", c) != nullptr;
}

class Client {
public:
    explicit Client(rfbClient* connected) : rfb_(connected) {}

    // Handles messages until the time is over; false when the connection is lost.
    bool run_for(milliseconds time) {
        const auto end = Clock::now() + time;
        do {
            const auto left =
                std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now()).count();
            // The library reads ahead, and its WaitForMessage() knows nothing of what it holds already.
            const int ready =
                has_buffered_input() ? 1 : WaitForMessage(rfb_, static_cast<unsigned>(left > 0 ? left : 0));
            if (ready < 0) return false;
            if (ready > 0 && HandleRFBServerMessage(rfb_) == FALSE) return false;
        } while (Clock::now() < end);
        return true;
    }

    // Answers one command; nullopt means that the connection is lost.
    std::optional<std::string> obey(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "size") return size();
        if (command == "shot") return shot(rest_of(words));
        if (command == "refresh") return refresh();
        if (command == "wait-update") return wait_update(words);
        if (command == "received") return received();
        if (command == "key") return key(words);
        if (command == "tap") return tap(rest_of(words));
        if (command == "type") return type(rest_of(words));
        if (command == "pointer") return pointer(words);
        return "error unknown command: " + command;
    }

    [[nodiscard]] int socket() const { return rfb_->sock; }
    [[nodiscard]] bool has_buffered_input() const { return rfb_->buffered > 0; }

private:
    static std::string rest_of(std::istringstream& words) {
        std::string text;
        words.get(); // the blank after the command
        std::getline(words, text);
        return text;
    }

    [[nodiscard]] std::string size() const {
        return "ok " + std::to_string(rfb_->width) + " " + std::to_string(rfb_->height) + " " +
               (rfb_->desktopName != nullptr ? rfb_->desktopName : "");
    }

    [[nodiscard]] std::string shot(const std::string& path) const {
        std::ofstream file(path, std::ios::binary);
        file << "P6\n" << rfb_->width << " " << rfb_->height << "\n255\n";
        const auto pixels = static_cast<size_t>(rfb_->width) * static_cast<size_t>(rfb_->height);
        std::string bytes;
        bytes.reserve(pixels * 3);
        for (size_t i = 0; i < pixels;
             ++i) { // see the pixel format in connect(): bytes are red, green, blue, unused
            bytes.append(reinterpret_cast<const char*>(rfb_->frameBuffer) + i * 4, 3);
        }
        file << bytes;
        file.close();
        if (!file) return "error cannot write " + path;
        return "ok " + std::to_string(rfb_->width) + " " + std::to_string(rfb_->height);
    }

    std::optional<std::string> refresh() {
        if (SendFramebufferUpdateRequest(rfb_, 0, 0, rfb_->width, rfb_->height, FALSE) == FALSE)
            return std::nullopt;
        return wait_for_update(milliseconds(10000), "error no answer within 10 s");
    }

    [[nodiscard]] std::string received() const {
        tcp_info info{};
        socklen_t size = sizeof info;
        if (getsockopt(rfb_->sock, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
            return "error the system does not tell";
        return "ok " + std::to_string(info.tcpi_bytes_received);
    }

    std::optional<std::string> wait_update(std::istringstream& words) {
        long time = 0;
        if (!(words >> time)) return "error usage: wait-update MS";
        return wait_for_update(milliseconds(time), "ok none");
    }

    std::optional<std::string> wait_for_update(milliseconds time, const std::string& otherwise) {
        const auto before = updates;
        const auto end = Clock::now() + time;
        while (updates == before) {
            if (Clock::now() >= end) return otherwise;
            if (!run_for(milliseconds(10))) return std::nullopt;
        }
        return "ok updated";
    }

    std::optional<std::string> key(std::istringstream& words) {
        std::string name;
        std::string direction;
        words >> name >> direction;
        const auto sym = keysym_of(name);
        if (!sym || (direction != "down" && direction != "up")) return "error usage: key KEYSYM down|up";
        if (!send_key(*sym, direction == "down")) return std::nullopt;
        return "ok";
    }

    std::optional<std::string> tap(const std::string& name) {
        const auto sym = keysym_of(name);
        if (!sym) return "error unknown key: " + name;
        if (!press(*sym)) return std::nullopt;
        return "ok";
    }

    std::optional<std::string> type(const std::string& text) {
        for (const char c : text) {
            const bool shift = needs_shift(c);
            const auto sym = static_cast<unsigned char>(c);
            const bool sent = (!shift || send_key(XK_Shift_L, true)) && press(sym) &&
                              (!shift || send_key(XK_Shift_L, false));
            if (!sent) return std::nullopt;
        }
        return "ok";
    }

    std::optional<std::string> pointer(std::istringstream& words) {
        int x = 0;
        int y = 0;
        int buttons = 0;
        if (!(words >> x >> y >> buttons)) return "error usage: pointer X Y BUTTONS";
        if (SendPointerEvent(rfb_, x, y, buttons) == FALSE) return std::nullopt;
        return "ok";
    }

    bool press(rfbKeySym sym) { return send_key(sym, true) && send_key(sym, false); }

    bool send_key(rfbKeySym sym, bool down) {
        return SendKeyEvent(rfb_, sym, down ? TRUE : FALSE) != FALSE && run_for(options.key_delay);
    }

    rfbClient* rfb_;
};

// The numbers of the named encodings, and DesktopSize. libvncclient would also offer ExtendedDesktopSize, but
// version 0.9.14 overlooks new sizes announced that way by servers whose screen has the number 0, and JPEG
// quality, which loses colours.
std::optional<std::vector<uint32_t>> encoding_numbers(const std::string& text) {
    static const std::map<std::string, uint32_t> known = {
        {"raw", rfbEncodingRaw},     {"copyrect", rfbEncodingCopyRect}, {"rre", rfbEncodingRRE},
        {"corre", rfbEncodingCoRRE}, {"zlib", rfbEncodingZlib},         {"hextile", rfbEncodingHextile},
        {"tight", rfbEncodingTight}, {"zrle", rfbEncodingZRLE},
    };
    std::vector<uint32_t> numbers;
    std::istringstream names(text);
    for (std::string name; names >> name;) {
        const auto found = known.find(name);
        if (found == known.end()) return std::nullopt;
        numbers.push_back(found->second);
    }
    numbers.push_back(rfbEncodingNewFBSize);
    numbers.push_back(rfbEncodingLastRect);
    return numbers;
}

template <typename Message> bool send_message(rfbClient* rfb, const Message& message, unsigned size) {
    Message copy = message;
    return WriteToRFBServer(rfb, reinterpret_cast<const char*>(&copy), size) != FALSE;
}

bool send_format(rfbClient* rfb) {
    rfbSetPixelFormatMsg message{};
    message.type = rfbSetPixelFormat;
    message.format = rfb->format;
    message.format.redMax = htons(message.format.redMax);
    message.format.greenMax = htons(message.format.greenMax);
    message.format.blueMax = htons(message.format.blueMax);
    return send_message(rfb, message, sz_rfbSetPixelFormatMsg);
}

bool send_encodings(rfbClient* rfb) {
    const auto numbers = encoding_numbers(options.encodings);
    if (!numbers) return false;
    rfbSetEncodingsMsg message{};
    message.type = rfbSetEncodings;
    message.nEncodings = htons(static_cast<uint16_t>(numbers->size()));
    if (!send_message(rfb, message, sz_rfbSetEncodingsMsg)) return false;
    for (const uint32_t number : *numbers) {
        if (!send_message(rfb, htonl(number), sizeof number)) return false;
    }
    return true;
}

// What rfbInitClient() does, but with our own list of encodings.
bool greet(rfbClient* rfb) {
    if (ConnectToRFBServer(rfb, options.host.c_str(), options.port) == FALSE) return false;
    if (InitialiseRFBConnection(rfb) == FALSE) return false;
    rfb->width = rfb->si.framebufferWidth;
    rfb->height = rfb->si.framebufferHeight;
    if (rfb->MallocFrameBuffer(rfb) == FALSE || !send_format(rfb) || !send_encodings(rfb)) return false;
    rfb->updateRect = {0, 0, rfb->width, rfb->height};
    return SendFramebufferUpdateRequest(rfb, 0, 0, rfb->width, rfb->height, FALSE) != FALSE;
}

rfbCredential* credential(rfbClient*, int type) {
    if (type != rfbCredentialTypeX509 || options.authority.empty()) return nullptr;
    auto* const found = static_cast<rfbCredential*>(std::calloc(1, sizeof(rfbCredential)));
    if (found != nullptr) found->x509Credential.x509CACertFile = strdup(options.authority.c_str());
    return found;
}

rfbClient* connect() {
    rfbClient* rfb = rfbGetClient(8, 3, 4);
    rfb->format.redShift = 0; // red is the first byte in memory
    rfb->format.greenShift = 8;
    rfb->format.blueShift = 16;
    rfb->canHandleNewFBSize = TRUE;
    rfb->connectTimeout = 20;
    std::free(rfb->serverHost);
    rfb->serverHost = strdup(options.host.c_str()); // whom a certificate must be for
    rfb->GetPassword = [](rfbClient*) { return strdup(options.password.c_str()); };
    rfb->GetCredential = credential;
    rfb->FinishedFrameBufferUpdate = [](rfbClient*) { ++updates; };
    if (greet(rfb)) return rfb;
    rfbClientCleanup(rfb);
    return nullptr;
}

bool parse(int argc, char** argv) {
    std::string target;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const bool has_value = i + 1 < argc;
        if (word == "--password" && has_value)
            options.password = argv[++i];
        else if (word == "--encodings" && has_value)
            options.encodings = argv[++i];
        else if (word == "--key-delay" && has_value)
            options.key_delay = milliseconds(std::atoi(argv[++i]));
        else if (word == "--ca" && has_value)
            options.authority = argv[++i];
        else if (target.empty() && !word.starts_with("-"))
            target = word;
        else
            return false;
    }
    const auto colon = target.rfind(':');
    if (colon == std::string::npos) return false;
    options.host = target.substr(0, colon);
    options.port = std::atoi(target.c_str() + colon + 1);
    return options.port > 0 && encoding_numbers(options.encodings).has_value();
}

void answer(const std::string& text) {
    std::cout << text << std::endl;
}

// Takes commands from standard input and messages from the server until either ends.
int serve(Client& client) {
    std::string pending;
    while (true) {
        pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {client.socket(), POLLIN, 0}};
        if (poll(fds, 2, client.has_buffered_input() ? 0 : -1) < 0) return 1;
        if ((fds[1].revents != 0 || client.has_buffered_input()) && !client.run_for(milliseconds(0))) {
            answer("error connection lost");
            return 1;
        }
        if (fds[0].revents == 0) continue;
        char bytes[4096];
        const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0) return 0;
        pending.append(bytes, static_cast<size_t>(count));
        for (size_t end = 0; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
            const std::string line = pending.substr(0, end);
            if (line == "quit") {
                answer("ok");
                return 0;
            }
            const auto reply = client.obey(line);
            answer(reply.value_or("error connection lost"));
            if (!reply) return 1;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (!parse(argc, argv)) {
        std::cerr
            << "usage: vncdrive [--password TEXT] [--encodings LIST] [--key-delay MS] [--ca FILE] HOST:PORT\n"
               "LIST is some of: raw copyrect rre corre zlib hextile tight zrle\n";
        return 2;
    }
    rfbClient* rfb = connect();
    if (rfb == nullptr) {
        answer("error cannot connect to " + options.host + ":" + std::to_string(options.port));
        return 1;
    }
    answer("ok connected");
    Client client(rfb);
    return serve(client);
}

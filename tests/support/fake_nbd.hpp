// An NBD server in a thread: a disk in memory that can be told to misbehave. Speaks the fixed newstyle
// handshake with one export and simple replies (the protocol's document, doc/proto.md of the nbd project).
#pragma once

#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <vector>

namespace dm::test {

class FakeNbd {
public:
    enum class Behaviour : u8 {
        Serve,
        Hang,      ///< reads requests and answers none
        Disconnect ///< at the next request
    };
    struct Export {
        u64 size = 1 << 20;
        u16 flags = 0x1 | 0x4 | 0x8 | 0x20 | 0x40; ///< has flags, flush, FUA, trim, write zeroes
        u32 block = 0;                             ///< smallest; 0: not told
    };

    FakeNbd(const std::string& socket, Export what) : export_(what), data_(what.size), path_(socket) {
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        ::listen(listener_.get(), 4);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeNbd() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        if (const int fd = connection_.load(); fd >= 0) ::shutdown(fd, SHUT_RDWR);
        thread_.join();
        std::filesystem::remove(path_);
    }
    FakeNbd(const FakeNbd&) = delete;
    FakeNbd& operator=(const FakeNbd&) = delete;

    std::string address() const { return "nbd:unix:" + path_; }
    std::vector<u8> content() {
        const std::lock_guard lock(mutex_);
        return data_;
    }

    std::atomic<Behaviour> behaviour{Behaviour::Serve};
    std::atomic<u32> next_error{0}; ///< NBD's number of an error for the next request
    std::atomic<unsigned> requests{0};
    std::atomic<unsigned> flushes{0};
    std::atomic<unsigned> trims{0};
    std::atomic<unsigned> zeroings{0};
    std::atomic<unsigned> with_fua{0};

private:
    static constexpr u64 kOptionMagic = 0x49484156454f5054;
    static constexpr u64 kReplyMagic = 0x3e889045565a9;
    static constexpr u32 kRequestMagic = 0x25609513;
    static constexpr u32 kSimpleReply = 0x67446698;
    static constexpr u32 kGo = 7;
    static constexpr u32 kAck = 1;
    static constexpr u32 kInfo = 3;
    static constexpr u32 kUnsupported = 0x80000001;
    static constexpr u32 kInvalid = 22;

    template <class T> static void put(std::vector<u8>& out, T value) {
        for (std::size_t i = sizeof(T); i > 0; --i)
            out.push_back(static_cast<u8>(value >> ((i - 1) * 8)));
    }
    template <class T> bool take(T& value) {
        std::array<u8, sizeof(T)> bytes{};
        if (!receive(bytes)) return false;
        value = 0;
        for (const u8 b : bytes)
            value = static_cast<T>(value << 8 | b);
        return true;
    }
    bool receive(std::span<u8> out) {
        while (!out.empty()) {
            const ssize_t got = ::recv(connection_, out.data(), out.size(), 0);
            if (got <= 0) return false;
            out = out.subspan(static_cast<std::size_t>(got));
        }
        return true;
    }
    bool send(std::span<const u8> in) {
        while (!in.empty()) {
            const ssize_t sent = ::send(connection_, in.data(), in.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            in = in.subspan(static_cast<std::size_t>(sent));
        }
        return true;
    }
    bool reply(u32 option, u32 type, const std::vector<u8>& payload = {}) {
        std::vector<u8> out;
        put(out, kReplyMagic);
        put(out, option);
        put(out, type);
        put(out, static_cast<u32>(payload.size()));
        out.insert(out.end(), payload.begin(), payload.end());
        return send(out);
    }
    void serve() {
        while (true) {
            UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) return;
            connection_ = fd.get();
            if (negotiate())
                while (one_request()) {
                }
            connection_ = -1;
        }
    }
    bool negotiate() {
        std::vector<u8> hello;
        put(hello, u64{0x4e42444d41474943}); // NBDMAGIC
        put(hello, kOptionMagic);
        put(hello, u16{3});
        u32 client_flags = 0;
        if (!send(hello) || !take(client_flags)) return false;
        while (true) {
            u64 magic = 0;
            u32 option = 0;
            u32 length = 0;
            if (!take(magic) || !take(option) || !take(length)) return false;
            std::vector<u8> payload(length);
            if (!receive(payload)) return false;
            if (option != kGo) {
                if (!reply(option, kUnsupported)) return false;
                continue;
            }
            std::vector<u8> info;
            put(info, u16{0});
            put(info, export_.size);
            put(info, export_.flags);
            if (!reply(option, kInfo, info)) return false;
            if (export_.block != 0) {
                std::vector<u8> sizes;
                put(sizes, u16{3});
                put(sizes, export_.block);
                put(sizes, export_.block);
                put(sizes, u32{1 << 20});
                if (!reply(option, kInfo, sizes)) return false;
            }
            return reply(option, kAck);
        }
    }
    bool one_request() {
        u32 magic = 0;
        u16 flags = 0;
        u16 type = 0;
        u64 handle = 0;
        u64 offset = 0;
        u32 length = 0;
        if (!take(magic) || !take(flags) || !take(type) || !take(handle) || !take(offset) || !take(length))
            return false;
        if (magic != kRequestMagic || type == 2) return false; // 2: goodbye
        ++requests;
        std::vector<u8> payload(type == 1 ? length : 0);
        if (!receive(payload)) return false;
        if (behaviour == Behaviour::Disconnect) return false;
        if (behaviour == Behaviour::Hang) return true;
        with_fua += (flags & 1) != 0 ? 1 : 0;
        u32 error = next_error.exchange(0);
        const u32 block = export_.block != 0 ? export_.block : 1;
        if (type != 3 && (offset % block != 0 || length % block != 0 || offset + length > data_.size()))
            error = kInvalid;
        std::vector<u8> out;
        put(out, kSimpleReply);
        put(out, error);
        put(out, handle);
        if (error == 0) carry_out(type, offset, length, payload, out);
        return send(out);
    }
    void carry_out(u16 type, u64 offset, u32 length, const std::vector<u8>& payload, std::vector<u8>& out) {
        const std::lock_guard lock(mutex_);
        const auto at = data_.begin() + static_cast<std::ptrdiff_t>(offset);
        switch (type) {
        case 0: out.insert(out.end(), at, at + length); break;
        case 1: std::copy(payload.begin(), payload.end(), at); break;
        case 3: ++flushes; break;
        case 4: ++trims; [[fallthrough]];
        case 6: // NOLINT: both leave zeros
            zeroings += type == 6 ? 1 : 0;
            std::fill_n(at, length, u8{0});
            break;
        default: break;
        }
    }

    Export export_;
    std::mutex mutex_;
    std::vector<u8> data_; // guarded by mutex_
    std::string path_;
    UniqueFd listener_;
    std::atomic<int> connection_{-1};
    std::thread thread_;
};

} // namespace dm::test

// NbdImage and an NBD server that the test can make misbehave.
#include "dm/host/nbd_image.hpp"

#ifdef HVMDM_NBD

#include "dm/host/nbd_address.hpp"
#include "tests/host/image_rig.hpp"
#include "tests/support/fake_nbd.hpp"
#include "tests/support/rng.hpp"

#include <cerrno>
#include <chrono>
#include <gmock/gmock.h>

namespace dm::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Behaviour = test::FakeNbd::Behaviour;
using Op = BlockIo::Op;

constexpr u64 kMiB = 1 << 20;
constexpr NbdPatience kImpatient{.connect_ms = 400, .lock_ms = 0, .answer_ms = 300, .end_ms = 1000};

/// The log of a test.
struct LogCatcher {
    LogCatcher() {
        Log::set_sink([this](LogLevel level, std::string_view line) {
            if (level == LogLevel::Error) errors.emplace_back(line);
        });
    }
    ~LogCatcher() { Log::set_sink({}); }
    std::vector<std::string> errors;
};

struct NbdImageTest : testing::Test {
    std::unique_ptr<NbdImage> open(test::FakeNbd& server, ImageOptions o = {}) {
        o.file = server.address();
        auto image = NbdImage::open(o, loop, kImpatient);
        EXPECT_TRUE(image.ok()) << (image.ok() ? "" : image.error().message);
        return image.ok() ? std::move(image).value() : nullptr;
    }
    std::string why_not(const std::string& file, ImageOptions o = {}) {
        o.file = file;
        auto image = NbdImage::open(o, loop, kImpatient);
        return image.ok() ? "" : image.error().message;
    }
    int run(BlockBackend& image, Op op, u64 offset, std::size_t length, u8 fill = 0) {
        Request r(op, offset, length, fill);
        return host::run(loop, image, r);
    }
    Folder folder;
    std::string socket = folder.path / "sock";
    Loop loop;
    LogCatcher log;
};

TEST_F(NbdImageTest, ReadsWritesAndFlushes) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    EXPECT_EQ(image->size_bytes(), kMiB);
    EXPECT_EQ(run(*image, Op::Write, 1000, 5000, 0x42), 0);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
    EXPECT_EQ(server.flushes, 1U);
    Request r(Op::Read, 999, 5002);
    EXPECT_EQ(host::run(loop, *image, r), 0);
    EXPECT_EQ(r.data.front(), 0);
    EXPECT_EQ(r.data[1], 0x42);
    EXPECT_EQ(r.data[5000], 0x42);
    EXPECT_EQ(r.data.back(), 0);
    EXPECT_EQ(image->stats().writes, 1U);
}

TEST_F(NbdImageTest, ManyRequestsInPiecesOfAnySizeMatchAModel) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    std::vector<u8> model(kMiB);
    test::Rng rng(3);
    for (int round = 0; round < 10; ++round) {
        struct Scattered {
            explicit Scattered(u64 offset) : request(Op::Write, offset, 0) {}
            Request request;
            std::vector<u8> memory;
            std::vector<iovec> parts;
        };
        std::vector<std::unique_ptr<Scattered>> batch;
        for (u64 slot = 0; slot < 100;
             ++slot) { // more than may be in flight, and than there are bounce buffers
            auto s = std::make_unique<Scattered>(slot * 10'000 + rng.below(2000));
            const u64 pieces = 1 + rng.below(6);
            s->memory.resize(pieces * 1200);
            for (u8& b : s->memory)
                b = static_cast<u8>(rng.next());
            u64 at = s->request.io.offset;
            for (u64 p = 0; p < pieces; ++p) {
                const u64 length = 1 + rng.below(1200);
                s->parts.push_back({&s->memory[p * 1200], length});
                std::copy_n(&s->memory[p * 1200], length, &model[at]);
                at += length;
            }
            s->request.io.iov = s->parts;
            image->submit(s->request.io);
            batch.push_back(std::move(s));
        }
        if (round % 2 == 0) image->drain();
        for (const auto& s : batch) {
            while (!s->request.error)
                loop.run_once(kSecond);
            EXPECT_EQ(s->request.error, 0);
        }
    }
    EXPECT_EQ(server.content(), model);
    std::vector<u8> memory(kMiB);
    std::vector<iovec> parts;
    for (u64 at = 0; at < 200'000; at += 1000)
        parts.push_back({&memory[at], 1000});
    Request r(Op::Read, 5, 0);
    r.io.iov = parts;
    EXPECT_EQ(host::run(loop, *image, r), 0);
    EXPECT_TRUE(std::equal(memory.begin(), memory.begin() + 200'000, model.begin() + 5));
}

TEST_F(NbdImageTest, DiscardsAndZeros) {
    test::FakeNbd server(socket, {});
    ImageOptions o;
    o.discard = true;
    const auto image = open(server, o);
    EXPECT_TRUE(image->can_discard());
    EXPECT_EQ(run(*image, Op::Write, 0, kMiB, 1), 0);
    EXPECT_EQ(run(*image, Op::Discard, 4096, 8192), 0);
    EXPECT_EQ(run(*image, Op::WriteZeroes, 100'000, 1000), 0);
    EXPECT_EQ(server.trims, 1U);
    EXPECT_EQ(server.zeroings, 1U);
    const auto now = server.content();
    EXPECT_EQ(now[4095], 1);
    EXPECT_EQ(now[4096], 0);
    EXPECT_EQ(now[12'288], 1);
    EXPECT_EQ(now[100'999], 0);
    EXPECT_EQ(now[101'000], 1);
}

TEST_F(NbdImageTest, AServerWithoutZeroingIsSentZeros) {
    test::FakeNbd server(socket, {.size = 8 * kMiB, .flags = 0x1 | 0x4});
    const auto image = open(server);
    EXPECT_FALSE(image->can_discard());
    EXPECT_EQ(run(*image, Op::Write, 0, 8 * kMiB, 1), 0);
    EXPECT_EQ(run(*image, Op::WriteZeroes, 512, 5 * kMiB), 0);
    EXPECT_EQ(run(*image, Op::Discard, 0, 4096), 0);
    const auto now = server.content();
    EXPECT_EQ(now[511], 1);
    EXPECT_EQ(now[512], 0);
    EXPECT_EQ(now[512 + 5 * kMiB - 1], 0);
    EXPECT_EQ(now[512 + 5 * kMiB], 1);
}

TEST_F(NbdImageTest, WriteThroughAsksForTheMediumEachTime) {
    ImageOptions o;
    o.write_through = true;
    {
        test::FakeNbd server(socket, {});
        const auto image = open(server, o);
        EXPECT_EQ(run(*image, Op::Write, 0, 512), 0);
        EXPECT_EQ(server.with_fua, 1U);
        EXPECT_EQ(server.flushes, 0U);
    }
    test::FakeNbd server(socket, {.size = kMiB, .flags = 0x1 | 0x4});
    const auto image = open(server, o);
    EXPECT_EQ(run(*image, Op::Write, 0, 512), 0);
    EXPECT_EQ(server.flushes, 1U);
}

TEST_F(NbdImageTest, ErrorsOfTheServerReachTheDriveAndItGoesOn) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    server.next_error = 28;
    EXPECT_EQ(run(*image, Op::Write, 0, 512), ENOSPC);
    server.next_error = 5;
    EXPECT_EQ(run(*image, Op::Read, 0, 512), EIO);
    EXPECT_EQ(run(*image, Op::Read, 0, 512), 0);
    EXPECT_EQ(run(*image, Op::Read, kMiB - 511, 512), EINVAL);
    EXPECT_EQ(server.requests, 3U);
}

TEST_F(NbdImageTest, AFailedFlushStaysFailed) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    server.next_error = 5;
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), EIO);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), EIO);
}

TEST_F(NbdImageTest, AServerThatGoesAwayIsADriveThatDied) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    server.behaviour = Behaviour::Disconnect;
    Request one(Op::Write, 0, 512);
    Request two(Op::Read, 0, 512);
    image->submit(one.io);
    image->submit(two.io);
    while (!one.error || !two.error)
        loop.run_once(kSecond);
    EXPECT_EQ(one.error, EIO);
    EXPECT_EQ(two.error, EIO);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(run(*image, Op::Read, 0, 512), EIO);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), EIO);
    ASSERT_EQ(log.errors.size(), 1U) << testing::PrintToString(log.errors);
    EXPECT_THAT(log.errors[0], AllOf(HasSubstr(socket), HasSubstr("gone")));
}

TEST_F(NbdImageTest, AServerThatHangsStopsNobodyButWhoMustWait) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    server.behaviour = Behaviour::Hang;
    std::vector<std::unique_ptr<Request>> all;
    for (std::size_t i = 0; i < NbdImage::kMostInFlight + 10; ++i) {
        all.push_back(std::make_unique<Request>(Op::Read, i * 512, 512));
        image->submit(all.back()->io);
    }
    loop.run_once(kSecond / 20);
    EXPECT_FALSE(all[0]->error) << "a slow server is no dead one";
    const auto began = std::chrono::steady_clock::now();
    image->drain(); // the guest resets its drive
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    for (const auto& r : all)
        EXPECT_EQ(r->error, EIO);
    EXPECT_EQ(run(*image, Op::Read, 0, 512), EIO);
    EXPECT_EQ(log.errors.size(), 1U) << testing::PrintToString(log.errors);
}

TEST_F(NbdImageTest, AnImageMayGoWithRequestsInFlight) {
    test::FakeNbd server(socket, {});
    Request r(Op::Write, 0, 100'000, 5);
    {
        const auto image = open(server);
        image->submit(r.io);
    }
    EXPECT_EQ(r.error, 0);
    EXPECT_EQ(server.content()[99'999], 5);
    loop.run_once(0); // nothing of it is left in the loop
}

TEST_F(NbdImageTest, LargeBlocksOfTheServerAreNoConcernOfTheDrive) {
    test::FakeNbd server(socket, {.size = kMiB, .block = 4096});
    ImageOptions o;
    o.file = server.address();
    Result<std::unique_ptr<Image>> opened = open_nbd_image(o, loop);
    ASSERT_TRUE(opened.ok());
    const auto image = std::move(opened).value();
    EXPECT_EQ(run(*image, Op::Write, 512, 512, 3), 0);
    EXPECT_EQ(run(*image, Op::Write, 8192, 4096, 4), 0);
    EXPECT_EQ(run(*image, Op::WriteZeroes, 8192 + 512, 512), 0);
    const auto now = server.content();
    EXPECT_EQ(now[511], 0);
    EXPECT_EQ(now[512], 3);
    EXPECT_EQ(now[1024], 0);
    EXPECT_EQ(now[8192], 4);
    EXPECT_EQ(now[8192 + 512], 0);
    EXPECT_EQ(now[8192 + 1024], 4);
}

TEST_F(NbdImageTest, AReadOnlyExportIsRefusedToWriters) {
    test::FakeNbd server(socket, {.size = kMiB, .flags = 0x1 | 0x2});
    EXPECT_THAT(why_not(server.address()), HasSubstr("mode r"));
    ImageOptions o;
    o.read_only = true;
    const auto image = open(server, o);
    EXPECT_EQ(run(*image, Op::Write, 0, 512), EROFS);
    EXPECT_EQ(run(*image, Op::Read, 0, 512), 0);
}

TEST_F(NbdImageTest, NobodyThereIsAnErrorWithinItsTime) {
    EXPECT_THAT(why_not("nbd:unix:" + socket), AllOf(HasSubstr(socket), HasSubstr("check that it runs")));
    const UniqueFd silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(silent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(silent.get(), 1), 0);
    EXPECT_THAT(why_not("nbd:unix:" + socket), HasSubstr("no answer"));
}

TEST_F(NbdImageTest, ResizingIsToldHow) {
    test::FakeNbd server(socket, {});
    const auto image = open(server);
    const Status resized = image->resize(2 * kMiB);
    ASSERT_FALSE(resized.ok());
    EXPECT_THAT(resized.error().message, HasSubstr("qemu-img resize"));
}

TEST(NbdAddressTest, AsQemuAndLibxlWriteThem) {
    const auto parse = [](const char* text) { return parse_nbd_address(text).value(); };
    EXPECT_EQ(parse("nbd:host:10809"), (NbdAddress{.host = "host", .port = "10809"}));
    EXPECT_EQ(parse("nbd:[::1]:1:exportname=a:b"),
              (NbdAddress{.host = "::1", .port = "1", .export_name = "a:b"}));
    EXPECT_EQ(parse("nbd:unix:/run/x"), (NbdAddress{.path = "/run/x"}));
    EXPECT_EQ(parse("nbd:unix:/run/x:exportname=disk"),
              (NbdAddress{.path = "/run/x", .export_name = "disk"}));
    EXPECT_EQ(parse("nbd+unix:///?socket=/x"), (NbdAddress{.uri = "nbd+unix:///?socket=/x"}));
    EXPECT_EQ(parse("nbd://host/disk"), (NbdAddress{.uri = "nbd://host/disk"}));
    for (const char* bad :
         {"nbd:", "nbd:host", "nbd:host:x", "nbd::1", "nbd:unix:", "nbd+unix:///", "qcow2:/x"}) {
        const auto result = parse_nbd_address(bad);
        ASSERT_FALSE(result.ok()) << bad;
        EXPECT_THAT(result.error().message,
                    AllOf(StartsWith(fmt::format("disk {}: ", bad)), HasSubstr("nbd://")));
    }
}

} // namespace
} // namespace dm::host

#endif

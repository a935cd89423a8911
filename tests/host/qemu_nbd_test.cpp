// Images in QEMU's formats, served by the packaged qemu-nbd.
#include "dm/host/nbd_image.hpp"

#ifdef HVMDM_NBD

#include "dm/host/qemu_nbd.hpp"
#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <gmock/gmock.h>
#include <sys/wait.h>

namespace dm::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Op = BlockIo::Op;

constexpr u64 kMiB = 1 << 20;

struct QemuNbdTest : testing::Test {
    void SetUp() override {
        ::unsetenv("HVMDM_QEMU_NBD");
        if (!Shell("qemu-nbd --version && qemu-img --version").good) GTEST_SKIP() << "no qemu-utils here";
    }
    ImageOptions image(const std::string& format, u64 size = 16 * kMiB) {
        ImageOptions o;
        o.file = folder.path / ("disk." + format);
        o.format = format;
        const Shell made(fmt::format("qemu-img create -f {} {} {}", format, o.file, size));
        EXPECT_TRUE(made.good) << made.text;
        return o;
    }
    std::unique_ptr<NbdImage> open(const ImageOptions& o) {
        auto opened = NbdImage::open(o, loop);
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        return opened.ok() ? std::move(opened).value() : nullptr;
    }
    std::string why_not(const ImageOptions& o) {
        auto opened = NbdImage::open(o, loop, {.lock_ms = 200});
        return opened.ok() ? "" : opened.error().message;
    }
    int run(BlockBackend& medium, Op op, u64 offset, std::size_t length, u8 fill = 0) {
        Request r(op, offset, length, fill);
        return host::run(loop, medium, r);
    }
    /// The content of an image that nobody has open.
    std::vector<u8> content(const ImageOptions& o) {
        const std::string raw = folder.path / "converted";
        const Shell converted(fmt::format("qemu-img convert -f {} -O raw {} {}", o.format, o.file, raw));
        EXPECT_TRUE(converted.good) << converted.text;
        std::ifstream file(raw, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    static bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }
    static bool ends(pid_t pid) {
        for (int i = 0; i < 500 && exists(pid); ++i)
            ::usleep(10'000);
        return !exists(pid);
    }
    Folder folder{memory_folder()};
    Loop loop;
};

TEST_F(QemuNbdTest, EveryFormatKeepsWhatIsWritten) {
    for (const char* format : {"qcow2", "qcow", "qed", "vpc", "vhdx", "vmdk", "vdi"}) {
        SCOPED_TRACE(format);
        const ImageOptions o = image(format);
        std::vector<u8> model;
        {
            const auto disk = open(o);
            ASSERT_NE(disk, nullptr);
            ASSERT_GE(disk->size_bytes(), 16 * kMiB);
            model.resize(disk->size_bytes());
            test::Rng rng(1);
            for (int i = 0; i < 20; ++i) {
                const u64 at = rng.below(15 * kMiB / 512) * 512;
                const u64 length = (1 + rng.below(100)) * 512;
                const u8 value = static_cast<u8>(rng.next());
                EXPECT_EQ(run(*disk, Op::Write, at, length, value), 0);
                std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(at), length, value);
            }
            EXPECT_EQ(run(*disk, Op::Flush, 0, 0), 0);
            Request all(Op::Read, 0, model.size());
            EXPECT_EQ(host::run(loop, *disk, all), 0);
            EXPECT_TRUE(all.data == model);
        }
        const std::vector<u8> stored = content(o);
        ASSERT_GE(stored.size(), 15 * kMiB);
        EXPECT_TRUE(std::equal(stored.begin(), stored.end(), model.begin()));
    }
}

TEST_F(QemuNbdTest, DiscardMakesAnImageSmaller) {
    ImageOptions o = image("qcow2");
    o.discard = true;
    const auto disk = open(o);
    ASSERT_TRUE(disk->can_discard());
    EXPECT_EQ(run(*disk, Op::Write, 0, 8 * kMiB, 0x33), 0);
    EXPECT_EQ(run(*disk, Op::Flush, 0, 0), 0);
    const u64 full = allocated(o.file);
    EXPECT_EQ(run(*disk, Op::Discard, kMiB, 6 * kMiB), 0);
    EXPECT_EQ(run(*disk, Op::WriteZeroes, 7 * kMiB, kMiB), 0);
    EXPECT_EQ(run(*disk, Op::Flush, 0, 0), 0);
    EXPECT_LT(allocated(o.file), full - 5 * kMiB);
    Request r(Op::Read, kMiB - 1, 2);
    EXPECT_EQ(host::run(loop, *disk, r), 0);
    EXPECT_EQ(r.data, (std::vector<u8>{0x33, 0}));
}

TEST_F(QemuNbdTest, TheServerEndsWithItsImage) {
    const ImageOptions o = image("qcow2");
    pid_t server = 0;
    {
        const auto disk = open(o);
        server = disk->server_pid();
        ASSERT_TRUE(exists(server));
    }
    EXPECT_FALSE(exists(server)) << "and has done so before the image is given to others";
}

TEST_F(QemuNbdTest, TheServerEndsWhenWeAreKilled) {
    const ImageOptions o = image("qcow2");
    std::array<int, 2> ends_of_pipe{};
    ASSERT_EQ(::pipe(ends_of_pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        Loop its_loop;
        const auto disk = std::move(NbdImage::open(o, its_loop)).value();
        Request w(Op::Write, 0, 512, 9);
        host::run(its_loop, *disk, w);
        const pid_t server = disk->server_pid();
        static_cast<void>(::write(ends_of_pipe[1], &server, sizeof(server)) == sizeof(server));
        ::pause();
    }
    pid_t server = 0;
    ASSERT_EQ(::read(ends_of_pipe[0], &server, sizeof(server)), static_cast<ssize_t>(sizeof(server)));
    ASSERT_TRUE(exists(server));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(ends(server));
    EXPECT_EQ(content(o)[511], 9) << "it closed the image in order";
    ::close(ends_of_pipe[0]);
    ::close(ends_of_pipe[1]);
}

TEST_F(QemuNbdTest, AServerThatIsKilledIsADriveThatDied) {
    const auto disk = open(image("qcow2"));
    ::kill(disk->server_pid(), SIGKILL);
    EXPECT_EQ(run(*disk, Op::Write, 0, 512), EIO);
    EXPECT_EQ(run(*disk, Op::Flush, 0, 0), EIO);
}

TEST_F(QemuNbdTest, ASecondWriterIsRefusedByName) {
    const ImageOptions o = image("qcow2");
    const auto disk = open(o);
    EXPECT_THAT(why_not(o), AllOf(HasSubstr(o.file), HasSubstr("lock"),
                                  HasSubstr(fmt::format("process {} (qemu-nbd)", disk->server_pid())),
                                  HasSubstr("; shut down")));
}

TEST_F(QemuNbdTest, TheImageCanBeLetGoAndTakenBack) {
    const ImageOptions o = image("qcow2");
    const auto source = open(o);
    EXPECT_EQ(run(*source, Op::Write, 0, 512, 1), 0);
    EXPECT_TRUE(source->release().ok());
    EXPECT_EQ(run(*source, Op::Write, 0, 512, 2), EIO);
    {
        const auto target = open(o);
        EXPECT_EQ(run(*target, Op::Write, 512, 512, 3), 0);
    }
    EXPECT_TRUE(source->activate().ok());
    Request r(Op::Read, 511, 2);
    EXPECT_EQ(host::run(loop, *source, r), 0);
    EXPECT_EQ(r.data, (std::vector<u8>{1, 3}));
}

TEST_F(QemuNbdTest, TheFormatIsNeverGuessed) {
    ImageOptions o = image("qcow2");
    o.format = "vmdk";
    EXPECT_THAT(why_not(o), AllOf(HasSubstr("as vmdk"), HasSubstr("qemu-img info")));
    o.file = folder.file("raw", kMiB);
    o.format = "qcow2";
    EXPECT_THAT(why_not(o),
                AllOf(HasSubstr("as qcow2"), HasSubstr("not in qcow2 format"), HasSubstr("qemu-img info")));
}

TEST_F(QemuNbdTest, WhatIsMissingIsNamed) {
    const ImageOptions base = image("qcow2");
    ImageOptions o;
    o.file = folder.path / "overlay";
    o.format = "qcow2";
    ASSERT_TRUE(Shell(fmt::format("qemu-img create -f qcow2 -b {} -F qcow2 {}", base.file, o.file)).good);
    std::filesystem::remove(base.file);
    EXPECT_THAT(why_not(o), AllOf(HasSubstr(base.file), HasSubstr("backing file"), HasSubstr("rebase")));
    o.file = folder.path / "nowhere";
    EXPECT_THAT(why_not(o), AllOf(HasSubstr("nowhere"), HasSubstr("No such file"), HasSubstr("disk= list")));
    ::setenv("HVMDM_QEMU_NBD", (folder.path / "qemu-nbd").c_str(), 1);
    EXPECT_THAT(why_not(base), HasSubstr("install the package qemu-utils"));
    ::unsetenv("HVMDM_QEMU_NBD");
}

TEST_F(QemuNbdTest, NamesWithCommasAndColonsAreNamesOfFiles) {
    ImageOptions o;
    o.file = folder.path / "a,b:c=d.qcow2";
    o.format = "qcow2";
    ASSERT_TRUE(Shell(fmt::format("qemu-img create -f qcow2 '{}' 1M", o.file)).good);
    EXPECT_EQ(why_not(o), "");
}

TEST_F(QemuNbdTest, AReadOnlyDiskIsNotChangedAndMayBeReadByTwo) {
    ImageOptions o = image("vpc");
    o.read_only = true;
    const auto one = open(o);
    const auto two = open(o);
    EXPECT_EQ(run(*one, Op::Write, 0, 512), EROFS);
    EXPECT_EQ(run(*two, Op::Read, 0, 512), 0);
}

TEST_F(QemuNbdTest, ItsNetworkDisksWorkByEveryAddress) {
    const std::string raw = folder.file("raw", kMiB);
    const std::string socket = folder.path / "sock";
    const Shell start(
        fmt::format("qemu-nbd --fork --persistent --shared=0 --socket {0}/sock --pid-file {0}/pid "
                    "-x disk -f raw {1}",
                    folder.path.string(), raw));
    ASSERT_TRUE(start.good) << start.text;
    for (const std::string& address :
         {"nbd:unix:" + socket + ":exportname=disk", "nbd+unix:///disk?socket=" + socket}) {
        ImageOptions o;
        o.file = address;
        const auto disk = open(o);
        ASSERT_NE(disk, nullptr);
        EXPECT_EQ(disk->size_bytes(), kMiB);
        EXPECT_EQ(run(*disk, Op::Write, 512, 1024, 6), 0);
        EXPECT_EQ(run(*disk, Op::Flush, 0, 0), 0);
    }
    ImageOptions wrong;
    wrong.file = "nbd:unix:" + socket + ":exportname=other";
    EXPECT_THAT(why_not(wrong), HasSubstr("check that it runs and serves this export"));
    pid_t server = 0;
    std::ifstream(folder.path / "pid") >> server;
    ::kill(server, SIGTERM);
    EXPECT_TRUE(ends(server));
}

TEST_F(QemuNbdTest, NbdkitServesToo) {
    if (!Shell("nbdkit --version").good) GTEST_SKIP() << "no nbdkit here";
    const std::string socket = folder.path / "sock";
    const Shell start(
        fmt::format("nbdkit --unix {0}/sock --pidfile {0}/pid memory 1M", folder.path.string()));
    ASSERT_TRUE(start.good) << start.text;
    ImageOptions o;
    o.file = "nbd+unix:///?socket=" + socket;
    const auto disk = open(o);
    ASSERT_NE(disk, nullptr);
    EXPECT_EQ(run(*disk, Op::Write, 1024, 512, 8), 0);
    Request r(Op::Read, 1024, 512);
    EXPECT_EQ(host::run(loop, *disk, r), 0);
    EXPECT_EQ(r.data[0], 8);
    pid_t server = 0;
    std::ifstream(folder.path / "pid") >> server;
    ::kill(server, SIGTERM);
}

} // namespace
} // namespace dm::host

#endif

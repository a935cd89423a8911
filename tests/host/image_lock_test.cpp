#include "dm/host/image_lock.hpp"

#include "dm/host/raw_file.hpp"
#include "tests/host/image_rig.hpp"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

namespace dm::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr ImageLock::Wish kWriter{.write = true};
constexpr ImageLock::Wish kReader{};
constexpr unsigned kNoPatience = 0;

struct ImageLockTest : testing::Test {
    /// Another opening of the image, with its own lock.
    struct Opener {
        explicit Opener(const std::string& file) : path(file), fd(::open(file.c_str(), O_RDWR | O_CLOEXEC)) {}
        std::string take(ImageLock::Wish wish, Locking locking = Locking::Auto) {
            const Status taken = lock.take(fd.get(), path, wish, locking, kNoPatience);
            return taken.ok() ? "" : taken.error().message;
        }
        std::string path;
        UniqueFd fd;
        ImageLock lock;
    };
    Folder folder;
    std::string path = folder.file("disk", 1 << 16);
    Opener one{path};
    Opener two{path};
};

TEST_F(ImageLockTest, TwoWritersAreOneTooMany) {
    EXPECT_EQ(one.take(kWriter), "");
    EXPECT_THAT(two.take(kWriter),
                AllOf(HasSubstr(path), HasSubstr("another disk of this guest"), HasSubstr("; ")));
    EXPECT_FALSE(two.lock.held());
    one.lock.release(one.fd.get());
    EXPECT_EQ(two.take(kWriter), "");
}

TEST_F(ImageLockTest, ReadersShareButNotWithAWriter) {
    EXPECT_EQ(one.take(kReader), "");
    EXPECT_EQ(two.take(kReader), "");
    Opener writer(path);
    EXPECT_THAT(writer.take(kWriter), HasSubstr("lets nobody else write"));
    one.lock.release(one.fd.get());
    two.lock.release(two.fd.get());
    EXPECT_EQ(writer.take(kWriter), "");
    EXPECT_THAT(two.take(kReader), HasSubstr("writes to it"));
}

TEST_F(ImageLockTest, WritersThatAllowOthersShare) {
    const ImageLock::Wish sharing{.write = true, .share_writers = true};
    EXPECT_EQ(one.take(sharing), "");
    EXPECT_EQ(two.take(sharing), "");
    EXPECT_NE(Opener(path).take(kWriter), "");
}

TEST_F(ImageLockTest, NobodyLocksWhenItIsOff) {
    EXPECT_EQ(one.take(kWriter, Locking::Off), "");
    EXPECT_EQ(two.take(kWriter), "");
}

TEST_F(ImageLockTest, AnOwnerThatJustEndsIsWaitedFor) {
    const pid_t child = ::fork();
    if (child == 0) {
        Opener mine(path);
        mine.take(kWriter);
        ::usleep(300'000);
        ::_exit(0);
    }
    ::usleep(100'000);
    EXPECT_TRUE(one.lock.take(one.fd.get(), path, kWriter, Locking::Auto, 10'000).ok());
    ::waitpid(child, nullptr, 0);
}

TEST_F(ImageLockTest, TheOwnerIsNamedAndItsDeathFreesTheImage) {
    const pid_t child = ::fork();
    if (child == 0) {
        Opener mine(path);
        mine.take(kWriter);
        ::pause();
    }
    std::string message;
    for (int i = 0; i < 200 && message.empty(); ++i) {
        ::usleep(10'000);
        message = one.take(kWriter);
        if (message.empty()) one.lock.release(one.fd.get());
    }
    EXPECT_THAT(message, HasSubstr(fmt::format("process {} (", child)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(one.take(kWriter), "");
}

// QEMU's tools as the other side.

struct WithQemu : ImageLockTest {
    void SetUp() override {
        if (!Shell("qemu-io --version").good) GTEST_SKIP() << "no qemu-io here";
    }
    std::string qemu_io(const std::string& options, const std::string& command) {
        return Shell(fmt::format("qemu-io {} -f raw -c '{}' {}", options, command, path)).text;
    }
};

TEST_F(WithQemu, QemuWritesNoImageOfOurs) {
    EXPECT_EQ(one.take(kWriter), "");
    EXPECT_THAT(qemu_io("", "write -P 7 0 512"), HasSubstr("lock"));
    one.lock.release(one.fd.get());
    EXPECT_THAT(qemu_io("", "write -P 7 0 512"), HasSubstr("wrote 512"));
}

TEST_F(WithQemu, QemuReadsWhatWeReadButDoesNotWriteIt) {
    EXPECT_EQ(one.take(kReader), "");
    EXPECT_THAT(qemu_io("-r", "read 0 512"), HasSubstr("read 512"));
    EXPECT_THAT(qemu_io("", "write 0 512"), HasSubstr("lock"));
}

TEST_F(WithQemu, WeOpenNoImageThatQemuWrites) {
    const std::string pid_file = folder.path / "pid";
    Shell start(fmt::format("qemu-nbd --fork --persistent --socket {}/sock --pid-file {} -f raw {}",
                            folder.path.string(), pid_file, path));
    ASSERT_TRUE(start.good) << start.text;
    pid_t server = 0;
    std::ifstream(pid_file) >> server;
    EXPECT_THAT(one.take(kWriter),
                AllOf(HasSubstr(path), HasSubstr(fmt::format("process {} (qemu-nbd)", server))));
    EXPECT_THAT(one.take(kReader), HasSubstr("writes to it"));
    ::kill(server, SIGTERM);
    EXPECT_TRUE(one.lock.take(one.fd.get(), path, kWriter, Locking::Auto, 10'000).ok());
}

// What RawFile makes of it.

struct LockedFile : testing::Test {
    ImageOptions options(bool read_only = false) {
        ImageOptions o;
        o.file = path;
        o.read_only = read_only;
        o.hand_over_ms = 300;
        return o;
    }
    Folder folder;
    std::string path = folder.file("disk", 1 << 16);
    Loop loop;
    ScriptedEngine engine{loop};
};

TEST_F(LockedFile, ASecondGuestIsRefusedAndToldWhatToDo) {
    const auto first = RawFile::open(options(), engine);
    ASSERT_TRUE(first.ok());
    const auto second = RawFile::open(options(), engine);
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().message, AllOf(HasSubstr(path), HasSubstr("shut that down")));
}

TEST_F(LockedFile, TheImageMovesToAnotherProcessWithTheGuest) {
    auto source = std::move(RawFile::open(options(), engine)).value();
    ImageOptions incoming = options();
    incoming.inactive = true;
    auto target = std::move(RawFile::open(incoming, engine)).value(); // while the source still has it
    EXPECT_TRUE(source->release().ok());
    EXPECT_TRUE(target->activate().ok());
    Request late(BlockIo::Op::Write, 0, 512);
    source->submit(late.io);
    EXPECT_EQ(late.error, EIO) << "the source has let go";
    EXPECT_FALSE(source->activate().ok());
    EXPECT_TRUE(target->release().ok()); // the migration failed
    EXPECT_TRUE(source->activate().ok());
}

TEST_F(LockedFile, WhoTakesItBackWaitsLongerThanWhoOpensIt) {
    ImageOptions patient = options();
    patient.hand_over_ms = ImageOptions{}.hand_over_ms;
    EXPECT_GT(patient.hand_over_ms, ImageLock::kPatienceMs);
    auto source = std::move(RawFile::open(patient, engine)).value();
    EXPECT_TRUE(source->release().ok());
    const pid_t receiver = ::fork();
    if (receiver == 0) {
        const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        ImageLock lock;
        static_cast<void>(lock.take(fd.get(), path, kWriter, Locking::Auto, kNoPatience));
        ::usleep((ImageLock::kPatienceMs + 500) * 1000);
        ::_exit(0);
    }
    ::usleep(200'000);
    EXPECT_TRUE(source->activate().ok());
    ::waitpid(receiver, nullptr, 0);
}

} // namespace
} // namespace dm::host

// Removable media and failing disks as the toolstack and the guest of a whole machine see them.
#include "tests/board/machine_rig.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>

namespace dm::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr u16 kCd = 0x170;
constexpr u16 kCdControl = 0x376;
constexpr u16 kDisk = 0x1f0;
constexpr u16 kDiskControl = 0x3f6;
const char* const kDrive = "ide-5632"; // libxl's name of hdc

struct MediaTest : MachineRig {
    void start_with(const std::string& image) {
        toolstack::DiskOptions cd;
        cd.id = kDrive;
        cd.file = image;
        cd.channel = 1;
        cd.media = toolstack::DiskMedia::Cdrom;
        cd.read_only = true;
        options.disks.push_back(cd);
        start();
    }
    void packet(const std::vector<u8>& start_of_cdb) {
        std::vector<u8> cdb = start_of_cdb;
        cdb.resize(12);
        out(kCd + 6, 0xa0);
        out(kCd + 1, 0);
        out(kCd + 4, 0x00);
        out(kCd + 5, 0x08);
        out(kCd + 7, 0xa0);
        for (std::size_t i = 0; i < cdb.size(); i += 2)
            outw(kCd, cdb[i] | unsigned{cdb[i + 1]} << 8);
    }
    /// Sense key and code, 0 when the packet was good.
    unsigned sense_of(const std::vector<u8>& cdb) {
        packet(cdb);
        if ((wait_while_busy(kCdControl) & 1) == 0) return 0;
        packet({0x03, 0, 0, 0, 18});
        wait_while_busy(kCdControl);
        std::array<unsigned, 9> words{};
        for (unsigned& word : words)
            word = in(kCd, "inw");
        return (words[1] & 0xff) << 8 | (words[6] & 0xff);
    }
    /// The first two bytes of the disc, or the sense.
    std::string first_bytes() {
        packet({0x28, 0, 0, 0, 0, 0, 0, 0, 1});
        if ((wait_while_busy(kCdControl) & 8) == 0) return fmt::format("{:#x}", sense_of({0x00}));
        const unsigned word = in(kCd, "inw");
        for (int i = 1; i < 1024; ++i)
            in(kCd, "inw");
        return {static_cast<char>(word & 0xff), static_cast<char>(word >> 8)};
    }
    std::string medium() {
        const Json blocks = say("query-block")["return"];
        for (const Json& block : blocks)
            if (block["device"] == kDrive)
                return block.contains("inserted")   ? block["inserted"]["file"].get<std::string>()
                       : block["tray_open"] == true ? "open tray"
                                                    : "nothing";
        return "no drive";
    }
    Json eject(bool force = false) {
        return force ? say("eject", {{"id", kDrive}, {"force", true}}) : say("eject", {{"id", kDrive}});
    }
    /// As `xl cd-insert` does it.
    Json insert(const std::string& path) {
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        EXPECT_TRUE(static_cast<bool>(fd)) << path;
        const Json added = say("add-fd", {{"opaque", "raw:" + path}}, fd.get());
        const auto set = added["return"]["fdset-id"].get<int>();
        return say("blockdev-change-medium",
                   {{"id", kDrive}, {"filename", fmt::format("/dev/fdset/{}", set)}, {"format", "raw"}});
    }
    static bool good(const Json& reply) { return reply.contains("return"); }
};

TEST_F(MediaTest, XlCdEjectAndCdInsertWhileTheGuestReads) {
    start_with(file("one.iso", 40960, 'a'));
    EXPECT_EQ(first_bytes(), "aa");
    EXPECT_TRUE(good(say("query-version")));
    EXPECT_TRUE(good(eject()));
    EXPECT_EQ(medium(), "open tray");
    EXPECT_EQ(sense_of({0x00}), 0x023aU);
    EXPECT_TRUE(good(say("query-version")));
    EXPECT_TRUE(good(eject())) << "libxl always ejects first, also an empty drive";
    const std::string two = file("two.iso", 81920, 'b');
    EXPECT_TRUE(good(insert(two)));
    EXPECT_EQ(medium(), two);
    EXPECT_THAT(take_events(), ElementsAre("DEVICE_TRAY_MOVED open", "DEVICE_TRAY_MOVED closed"));
    EXPECT_EQ(sense_of({0x00}), 0x023aU) << "the two steps that Windows and Linux need";
    EXPECT_EQ(sense_of({0x00}), 0x0628U);
    EXPECT_EQ(first_bytes(), "bb");
}

TEST_F(MediaTest, TheFdSetIsGoneWithItsClientAndTheMediumStays) {
    start_with("");
    const std::string two = file("two.iso", 81920, 'b');
    EXPECT_TRUE(good(insert(two)));
    std::filesystem::remove(two); // the name is of no use any more, and under a chroot it never was
    qmp.reset();
    for (int i = 0; i < 50; ++i)
        loop.run_once(kMillisecond);
    connect();
    EXPECT_EQ(say("query-fdsets")["return"], Json::array());
    EXPECT_EQ(sense_of({0x00}), 0x023aU);
    EXPECT_EQ(sense_of({0x00}), 0x0628U);
    EXPECT_EQ(first_bytes(), "bb");
}

TEST_F(MediaTest, ALockedTrayKeepsItsMediumUnlessForced) {
    const std::string one = file("one.iso", 40960, 'a');
    start_with(one);
    EXPECT_EQ(sense_of({0x1e, 0, 0, 0, 1}), 0U);
    EXPECT_EQ(say("query-block")["return"][0]["locked"], true);
    EXPECT_THAT(error_of("eject", {{"id", kDrive}}),
                AllOf(StartsWith("GenericError: "), HasSubstr("locked")));
    const std::string two = file("two.iso", 81920, 'b');
    EXPECT_THAT(insert(two).dump(), HasSubstr("locked"));
    EXPECT_EQ(medium(), one);
    EXPECT_EQ(first_bytes(), "aa");
    EXPECT_THAT(take_events(), IsEmpty());
    EXPECT_EQ(sense_of({0x1e, 0, 0, 0, 0}), 0U); // the guest unlocks and opens
    EXPECT_EQ(sense_of({0x1b, 0, 0, 0, 2}), 0U);
    EXPECT_TRUE(good(eject()));
    EXPECT_TRUE(good(insert(two)));
    EXPECT_THAT(take_events(), ElementsAre("DEVICE_TRAY_MOVED open", "DEVICE_TRAY_MOVED closed"));
    EXPECT_EQ(sense_of({0x00}), 0x023aU);
    EXPECT_EQ(sense_of({0x00}), 0x0628U);
    EXPECT_EQ(sense_of({0x1e, 0, 0, 0, 1}), 0U);
    EXPECT_TRUE(good(eject(true)));
    EXPECT_EQ(medium(), "open tray");
}

TEST_F(MediaTest, AnImageThatCannotBeUsedLeavesTheOldOneIn) {
    const std::string one = file("one.iso", 40960, 'a');
    start_with(one);
    const auto change = [&](const std::string& name, const std::string& format = "raw") {
        return error_of("blockdev-change-medium", {{"id", kDrive}, {"filename", name}, {"format", format}});
    };
    EXPECT_THAT(change(file("empty.iso", 0, 'x')), AllOf(StartsWith("GenericError: "), HasSubstr("empty")));
    EXPECT_THAT(change(folder), HasSubstr("directory"));
    EXPECT_THAT(change(folder / "missing.iso"), HasSubstr("no such file"));
    EXPECT_THAT(change("/dev/null"), HasSubstr("neither a file nor a block device"));
    EXPECT_THAT(change("/dev/fdset/77"), HasSubstr("fd set 77"));
    EXPECT_THAT(change("/dev/fdset/-1"), StartsWith("GenericError: "));
    EXPECT_THAT(change(""), HasSubstr("missing"));
    const UniqueFd image(::open(one.c_str(), O_RDONLY | O_CLOEXEC));
    say("add-fd", {{"fdset-id", 8}, {"opaque", "qcow2:x"}}, image.get());
    EXPECT_THAT(change("/dev/fdset/8", "qcow2"), HasSubstr("raw"));
    EXPECT_THAT(insert(folder).dump(), HasSubstr("directory"));
    const UniqueFd blind(::open(one.c_str(), O_WRONLY | O_CLOEXEC));
    say("add-fd", {{"fdset-id", 9}, {"opaque", "raw:x"}}, blind.get());
    EXPECT_THAT(change("/dev/fdset/9"), HasSubstr("reading"));
    EXPECT_EQ(medium(), one);
    EXPECT_THAT(take_events(), IsEmpty());
    EXPECT_EQ(first_bytes(), "aa");
}

TEST_F(MediaTest, OtherDrivesAreToldApart) {
    start_with("");
    EXPECT_THAT(error_of("eject", {{"id", "ide-9999"}}), StartsWith("DeviceNotFound: "));
    EXPECT_EQ(medium(), "nothing");
    EXPECT_TRUE(good(eject())) << "an empty drive";
    EXPECT_EQ(medium(), "open tray");
    EXPECT_EQ(sense_of({0x1b, 0, 0, 0, 3}), 0U);
    EXPECT_EQ(medium(), "nothing");
}

TEST_F(MediaTest, AMediumIsChangedWhileTheMachineStands) {
    start_with(file("one.iso", 40960, 'a'));
    EXPECT_TRUE(good(say("stop")));
    const std::string two = file("two.iso", 81920, 'b');
    EXPECT_TRUE(good(insert(two)));
    EXPECT_TRUE(good(say("cont")));
    EXPECT_EQ(medium(), two);
    EXPECT_EQ(sense_of({0x00}), 0x023aU);
    EXPECT_EQ(sense_of({0x00}), 0x0628U);
    EXPECT_EQ(first_bytes(), "bb");
}

/// Writes to the image beyond so many bytes fail while it lives.
struct FileSizeLimit {
    explicit FileSizeLimit(rlim_t bytes) : before(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old);
        const rlimit tight{.rlim_cur = bytes, .rlim_max = old.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &tight);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &old);
        std::signal(SIGXFSZ, before);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    sighandler_t before;
    rlimit old{};
};

struct DiskErrorTest : MachineRig {
    void start_with(OnError on_write) {
        ::setenv("HVMDM_BLOCK_ENGINE", "threads", 1);
        toolstack::DiskOptions disk;
        disk.id = "ide0-hd0";
        disk.file = image = file("disk", 1 << 20, 'd');
        disk.errors.on_write = on_write;
        options.disks.push_back(disk);
        start();
        ::unsetenv("HVMDM_BLOCK_ENGINE");
    }
    /// One sector at 512 KiB.
    void write_sector() {
        out(kDisk + 6, 0xe0);
        out(kDisk + 2, 1);
        out(kDisk + 3, 0x00);
        out(kDisk + 4, 0x04);
        out(kDisk + 5, 0);
        out(kDisk + 7, 0x30);
        for (int i = 0; i < 256; ++i)
            outw(kDisk, 0x7777);
    }
    char byte_on_disk() const {
        std::ifstream in(image);
        in.seekg(512 * 1024);
        return static_cast<char>(in.get());
    }
    std::string status() { return say("query-status")["return"]["status"]; }
    std::string image;
};

TEST_F(DiskErrorTest, StopHoldsTheMachineUntilContRepeatsTheWrite) {
    start_with(OnError::Stop);
    {
        const FileSizeLimit limit(256 * 1024);
        write_sector();
        for (int i = 0; i < 500 && status() != "io-error"; ++i)
            loop.run_once(kMillisecond);
    }
    EXPECT_EQ(status(), "io-error");
    EXPECT_EQ(in(kDiskControl)&0x88, 0x80U);
    EXPECT_THAT(take_events(), ElementsAre("BLOCK_IO_ERROR write stop", "STOP"));
    EXPECT_EQ(byte_on_disk(), 'd');
    EXPECT_TRUE(say("cont").contains("return"));
    EXPECT_EQ(wait_while_busy(kDiskControl), 0x50);
    EXPECT_EQ(status(), "running");
    EXPECT_THAT(take_events(), ElementsAre("RESUME"));
    EXPECT_EQ(byte_on_disk(), 'w');
}

TEST_F(DiskErrorTest, AReportedErrorIsTheGuestsAndAnEvent) {
    start_with(OnError::Report);
    {
        const FileSizeLimit limit(256 * 1024);
        write_sector();
        EXPECT_EQ(wait_while_busy(kDiskControl), 0x51);
    }
    EXPECT_EQ(status(), "running");
    EXPECT_THAT(take_events(), ElementsAre("BLOCK_IO_ERROR write report"));
}

TEST_F(DiskErrorTest, AMachineThatHasStoppedForAnErrorCanBeStoppedAndGoesOnLater) {
    start_with(OnError::Stop);
    {
        const FileSizeLimit limit(256 * 1024);
        write_sector();
        for (int i = 0; i < 500 && status() != "io-error"; ++i)
            loop.run_once(kMillisecond);
    }
    EXPECT_TRUE(say("stop").contains("return"));
    EXPECT_EQ(status(), "paused");
    EXPECT_TRUE(say("cont").contains("return"));
    EXPECT_EQ(wait_while_busy(kDiskControl), 0x50);
    EXPECT_EQ(byte_on_disk(), 'w');
}

} // namespace
} // namespace dm::test

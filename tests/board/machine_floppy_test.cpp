// Floppy drives and the parallel port as the toolstack and the guest of a whole machine see them.
#include "tests/board/board_rig.hpp"
#include "tests/board/machine_rig.hpp"

namespace dm::test {
namespace {

using testing::HasSubstr;

constexpr u16 kDor = 0x3f2;
constexpr u16 kMsr = 0x3f4;
constexpr u16 kFifo = 0x3f5;
constexpr u16 kDir = 0x3f7;
constexpr std::size_t k1440 = std::size_t{1440} * 1024;

struct FloppyMachineTest : MachineRig {
    void drive(const std::string& image, bool read_only = false) {
        toolstack::DiskOptions disk;
        disk.id = "floppy0";
        disk.bus = toolstack::DiskBus::Floppy;
        disk.file = image;
        disk.read_only = read_only;
        options.disks.push_back(disk);
    }
    void send(std::initializer_list<unsigned> bytes) {
        for (const unsigned byte : bytes)
            out(kFifo, byte);
    }
    unsigned cmos(unsigned index) {
        out(0x70, index);
        return in(0x71);
    }
    /// The first byte of a sector, through the FIFO; above 0xff the status bytes of a failure.
    unsigned first_byte(unsigned cylinder) {
        out(kDor, 0x14);
        send({0x46, 0, cylinder, 0, 1, 2, 1, 0x1b, 0xff});
        for (int patience = 0; patience < 2000 && (in(kMsr)&0x80) == 0; ++patience)
            loop.run_once(kMillisecond);
        const bool failed = (in(kMsr)&0x20) == 0;
        const unsigned first = failed ? 0 : in(kFifo);
        for (int n = 1; n < 512 && !failed; ++n)
            in(kFifo);
        const unsigned st0 = in(kFifo);
        const unsigned st1 = in(kFifo);
        for (int n = 2; n < 7; ++n)
            in(kFifo);
        return failed ? st0 << 8 | st1 : first;
    }
    void seek(unsigned cylinder) {
        send({0x0f, 0, cylinder, 0x08});
        in(kFifo);
        in(kFifo);
    }
};

TEST_F(FloppyMachineTest, WithoutADriveThereIsTheControllerAlone) {
    start();
    EXPECT_EQ(in(kMsr), 0x80U);
    EXPECT_EQ(in(0x3f0), 0xffU);
    EXPECT_EQ(cmos(0x10), 0x00U);
    EXPECT_EQ(cmos(0x14), 0x06U);
    send({0x10});
    EXPECT_EQ(in(kFifo), 0x90U);
}

TEST_F(FloppyMachineTest, FirmwareFindsTheDriveAndItsDiskIsRead) {
    drive(file("a.img", k1440, 'a'));
    start();
    EXPECT_EQ(cmos(0x10), 0x40U);
    EXPECT_EQ(cmos(0x14), 0x07U);
    EXPECT_EQ(first_byte(3), unsigned{'a'});
}

TEST_F(FloppyMachineTest, AnEmptyDriveIsTheFallback) {
    drive("");
    options.floppy_fallback = toolstack::FloppyType::F1440K;
    start();
    EXPECT_EQ(cmos(0x10), 0x40U);
    EXPECT_EQ(first_byte(0), 0x4001U);
}

TEST_F(FloppyMachineTest, DisksAreTakenOutAndChangedOverQmp) {
    drive(file("a.img", k1440, 'a'));
    start();
    EXPECT_EQ(say("query-block")["return"][0]["removable"], true);
    EXPECT_EQ(first_byte(0), unsigned{'a'});
    seek(1);
    EXPECT_EQ(in(kDir), 0x00U);
    EXPECT_TRUE(say("eject", {{"device", "floppy0"}}).contains("return"));
    EXPECT_EQ(in(kDir), 0x80U);
    EXPECT_EQ(first_byte(2) >> 8, 0x40U);
    const std::string other = file("b.img", k1440, 'b');
    const Json changed =
        say("blockdev-change-medium", {{"device", "floppy0"}, {"filename", other}, {"format", "raw"}});
    EXPECT_TRUE(changed.contains("return")) << changed.dump();
    EXPECT_EQ(in(kDir), 0x80U);
    EXPECT_EQ(first_byte(2), unsigned{'b'});
    EXPECT_EQ(say("query-block")["return"][0]["inserted"]["ro"], false) << "as the one before";
}

TEST_F(FloppyMachineTest, APrinterPrintsIntoAFile) {
    options.parallel = CharOptions{.kind = CharKind::File, .path = folder / "paper"};
    start();
    for (const char c : {'h', 'i'}) {
        out(0x378, static_cast<u8>(c));
        out(0x37a, 0x0d);
        out(0x37a, 0x0c);
    }
    EXPECT_THAT(say("query-chardev").dump(), HasSubstr("parallel0"));
    std::string text;
    std::ifstream(folder / "paper") >> text;
    EXPECT_EQ(text, "hi");
}

/// `image` without the device's section.
std::vector<u8> without(const std::vector<u8>& image, std::string_view device) {
    constexpr std::size_t kHeader = 12;
    std::vector<u8> rest(image.begin(), image.begin() + kHeader);
    for (std::size_t at = kHeader; at < image.size();) {
        const std::size_t name = image[at];
        const std::size_t length_at = at + 1 + name + 1;
        std::size_t length = 0;
        for (std::size_t n = 0; n < 4; ++n)
            length |= std::size_t{image[length_at + n]} << (8 * n);
        const std::size_t end = length_at + 4 + length;
        const std::string called(image.begin() + static_cast<long>(at) + 1,
                                 image.begin() + static_cast<long>(at + 1 + name));
        if (called != device)
            rest.insert(rest.end(), image.begin() + static_cast<long>(at),
                        image.begin() + static_cast<long>(end));
        at = end;
    }
    return rest;
}

TEST(FloppyBoard, AMachineSavedBeforeThereWasAControllerLoads) {
    BoardRig saved;
    const std::vector<u8> image = snapshot(saved);
    const std::vector<u8> old = without(image, "fdc");
    ASSERT_LT(old.size(), image.size());
    BoardRig rig;
    auto reader = StateReader::open(old);
    ASSERT_TRUE(reader.ok());
    const Status loaded = rig.device().load(*reader);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(snapshot(rig), image);
    const std::vector<u8> broken = without(image, "dma");
    auto other = StateReader::open(broken);
    EXPECT_FALSE(rig.device().load(*other).ok()) << "all others must be there";
}

} // namespace
} // namespace dm::test

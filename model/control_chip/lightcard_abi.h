/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * lightcard command interface: rings, commands, status codes. Plain C99, little-endian, no padding.
 * Shared by the model, the user-mode driver and the kernel driver. Registers: lightcard_regs.h.
 *
 * A command is a 64-byte submission entry (SQE). Commands with more operands (MVM, VECTOR, GEMM,
 * PROGRAM_WEIGHTS, VERIFY_WEIGHTS, EXEC) have a 192-byte operand block: read from SQE.src when the
 * command comes through a queue, and following the SQE inline in a command buffer. A command buffer
 * (EXEC) is an array of 256-byte records {SQE, operands}.
 */
#ifndef LIGHTCARD_ABI_H
#define LIGHTCARD_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Card pointer: 8-bit space, 56-bit byte offset.
 * ARG0..ARG7 exist inside EXEC only: they resolve to args[i] of the EXEC operands plus the offset.
 */
#define LC_SPACE_HOST 0u
#define LC_SPACE_DRAM 1u
#define LC_SPACE_SRAM 2u
#define LC_SPACE_ARG0 16u /* .. 23 */
#define LC_ARGS 8u
#define LC_PTR(space, offset) (((uint64_t)(space) << 56) | ((uint64_t)(offset) & 0x00ffffffffffffffull))
#define LC_PTR_SPACE(ptr) ((uint32_t)((ptr) >> 56))
#define LC_PTR_OFFSET(ptr) ((uint64_t)(ptr) & 0x00ffffffffffffffull)

/* Opcodes of I/O queues and command buffers. */
#define LC_OP_NOP 0x00u
#define LC_OP_FENCE 0x01u
#define LC_OP_COPY 0x02u
#define LC_OP_PROGRAM_WEIGHTS 0x10u
#define LC_OP_VERIFY_WEIGHTS 0x11u
#define LC_OP_MVM 0x20u
#define LC_OP_VECTOR 0x30u
#define LC_OP_GEMM 0x40u
#define LC_OP_EXEC 0x50u

/* Opcodes of the admin queue. */
#define LC_ADM_DELETE_SQ 0x00u
#define LC_ADM_CREATE_SQ 0x01u
#define LC_ADM_GET_LOG_PAGE 0x02u
#define LC_ADM_DELETE_CQ 0x04u
#define LC_ADM_CREATE_CQ 0x05u
#define LC_ADM_IDENTIFY 0x06u
#define LC_ADM_ABORT 0x08u
#define LC_ADM_SET_FEATURE 0x09u
#define LC_ADM_GET_FEATURE 0x0au
#define LC_ADM_ASYNC_EVENT 0x0cu
#define LC_ADM_CALIBRATE 0xc1u
#define LC_ADM_INJECT 0x20u /* FEATURES.INJECT */

/* SQE.flags */
#define LC_SQE_FENCE 0x01u /* start after every earlier command of this queue has completed */

/* Engines, as bits of SQE.wait_mask (command buffers): start after all earlier commands on them are done. */
#define LC_ENGINE_DMA 0u
#define LC_ENGINE_WRITER 1u
#define LC_ENGINE_CORE 2u   /* every photonic core of the card */
#define LC_ENGINE_VECTOR 3u
#define LC_ENGINE_DIGITAL 4u
#define LC_ENGINES 5u
#define LC_WAIT(engine) (1u << (engine))

struct lc_sqe {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	uint16_t context; /* attribution only */
	uint16_t layer;   /* attribution only; 0 = none */
	uint64_t weight_id;
	uint64_t src;     /* COPY source; otherwise the operand block, or the buffer of EXEC */
	uint64_t dst;     /* COPY destination */
	uint32_t length;  /* bytes: of a COPY row, of the operand block, of EXEC's operand block */
	uint32_t wait_mask; /* command buffers: engines to wait for */
	union {
		struct { /* COPY: `rows` rows of `length` bytes. rows 0 counts as 1. */
			uint32_t rows;
			uint32_t rsvd;
			uint64_t src_stride;
			uint64_t dst_stride;
		} copy;
		struct { /* CREATE_SQ / CREATE_CQ / DELETE: src = ring address (host) */
			uint16_t qid;
			uint16_t entries;
			uint16_t cqid;   /* CREATE_SQ: completion queue */
			uint16_t vector; /* CREATE_CQ: MSI-X vector; 0xffff = none */
		} queue;
		struct { /* ABORT */
			uint16_t sqid;
			uint16_t cid;
			uint32_t rsvd;
		} abort;
		struct { /* GET_LOG_PAGE / IDENTIFY: dst = host buffer, length = bytes */
			uint32_t page;
			uint32_t offset;
		} page;
		struct { /* SET_FEATURE / GET_FEATURE */
			uint32_t feature;
			uint32_t rsvd;
			uint64_t value;
		} feature;
		struct { /* CALIBRATE: result = banks measured. Takes the core's turn among its MVMs. */
			uint16_t core;
			uint16_t bank;    /* or LC_CAL_EVERY_BANK: every one that holds weights */
			uint32_t kinds;   /* LC_CAL_* */
			uint32_t samples; /* readings a point, vectors a bank, 3..65536; 0 = the card's own number */
		} calibrate;
		struct { /* INJECT; length = microseconds that it lasts, 0 = no such limit */
			uint16_t fault;  /* enum lc_fault */
			uint16_t flags;  /* LC_INJECT_* */
			uint32_t count;  /* times it strikes; 0 = until it is cleared */
			uint64_t target; /* by fault: vector, queue or LC_PLACE(); LC_TARGET_ANY = all of them */
			int64_t value;   /* by fault */
		} inject;
		uint8_t raw[24];
	} u;
};
/* What CALIBRATE measures and sets; docs/commands.md. */
#define LC_CAL_DACS 0x01u    /* gain and offset of every DAC of the core */
#define LC_CAL_ADCS 0x02u    /* and of every ADC */
#define LC_CAL_COLUMNS 0x04u /* a digital gain for each column of each bank */
#define LC_CAL_DRIFT 0x08u   /* one for all columns of a bank */
#define LC_CAL_RANGES 0x10u  /* the range of every column's ADC, for each bank */
#define LC_CAL_SIGNED 0x20u  /* with RANGES: probes are signed codes as offset inputs take them, 128 + x */
#define LC_CAL_KINDS 0x3fu
#define LC_CAL_EVERY_BANK 0xffffu

struct lc_cqe {
	uint64_t result;  /* command specific; on failure: lc_fail (index, detail) */
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t cid;
	uint16_t status;  /* bit 0 phase, bits 1..15 status code, 0 = success */
};
#define LC_CQE_PHASE 1u
#define LC_CQE_STATUS(status) ((uint16_t)((status) >> 1))

/* Result of a failed command: where it failed. index = command of an EXEC buffer (0xffffffff = the command itself),
 * field = byte offset of the offending field in the SQE or 64 + offset in the operand block. */
#define LC_FAIL(index, field) (((uint64_t)(index) << 32) | (uint32_t)(field))
#define LC_FAIL_INDEX(result) ((uint32_t)((result) >> 32))
#define LC_FAIL_FIELD(result) ((uint32_t)(result))
#define LC_FAIL_SELF 0xffffffffu

enum lc_status {
	LC_SC_SUCCESS = 0x00,
	LC_SC_INVALID_OPCODE = 0x01,
	LC_SC_INVALID_FIELD = 0x02,
	LC_SC_ADDRESS = 0x03,          /* outside memory, or not reachable from here */
	LC_SC_ABORTED = 0x04,
	LC_SC_ABORTED_QUEUE = 0x05,    /* its queue was deleted or the card was reset */
	LC_SC_INTERNAL = 0x06,         /* model defect: the command failed, the card lives on */
	LC_SC_UNIMPLEMENTED = 0x07,
	LC_SC_HOST_BUS = 0x08,         /* host answered a DMA with an error */
	LC_SC_NO_WEIGHTS = 0x10,       /* bank holds no verified weights */
	LC_SC_WEIGHT_MISMATCH = 0x11,  /* bank holds another weight id */
	LC_SC_WORN_OUT = 0x12,         /* endurance exceeded: written, not trustworthy */
	LC_SC_VERIFY_FAILED = 0x13,
	LC_SC_LASER_LOST = 0x14,       /* a lane was dark: written, not trustworthy */
	LC_SC_OVER_TEMPERATURE = 0x15, /* in ERR_FIRST */
	LC_SC_INVALID_QID = 0x20,
	LC_SC_INVALID_QSIZE = 0x21,
	LC_SC_QUEUE_IN_USE = 0x22,
	LC_SC_INVALID_VECTOR = 0x23,
	LC_SC_ABORT_NOT_FOUND = 0x24,
	LC_SC_INVALID_LOG_PAGE = 0x25,
	LC_SC_INVALID_FEATURE = 0x26,
	LC_SC_ASYNC_LIMIT = 0x27,
	LC_SC_INVALID_FAULT = 0x28 /* INJECT: no such fault, or a target or value that it cannot have */
};

/*
 * Asynchronous events: result of a completed ASYNC_EVENT. An event that nobody waits for is kept until somebody does
 * (equal ones once), and every one is in LC_LOG_EVENT.
 */
enum lc_event {
	LC_EVENT_ERROR = 1,       /* info: bit of ERR_STATUS; value: status code */
	LC_EVENT_RESET = 2,       /* info: RESET_CAUSE.KIND; of resets other than CC.EN and power-on */
	LC_EVENT_FAULT = 3,       /* info: enum lc_fault; an injected fault has begun. Only in the log */
	LC_EVENT_CALIBRATION = 4, /* info: core; value 1: results may be off (CSTS.NEEDS_CAL); 0: calibrated */
	LC_EVENT_THERMAL = 5,     /* info: core; value: mK of the die above the temperature of calibration */
	LC_EVENT_POWER = 6,       /* info: PWR_STATUS.STATE reached */
	LC_EVENT_WEAR = 7,        /* info: core; value: bank. It is worn out */
	LC_EVENT_SATURATION = 8,  /* info: core; value: samples that a command clipped, above 1 % of its samples */
	LC_EVENT_LINK = 9         /* info: generation the link runs at now; value: its lanes */
};
#define LC_EVENTS 10u
#define LC_EVENT_TYPE(result) ((uint32_t)(result) & 0xffu)
#define LC_EVENT_INFO(result) ((uint32_t)(result) >> 8 & 0xffu)
#define LC_EVENT_PAGE(result) ((uint32_t)(result) >> 16 & 0xffu) /* log page with more of it */
#define LC_EVENT_VALUE(result) ((uint32_t)((result) >> 32))      /* low 32 bits of the value */

/* Features. */
#define LC_FEATURE_EVENT_MASK 1u /* bit t: events of type t complete no ASYNC_EVENT; they are logged all the same */

/* Faults that INJECT puts in; docs/faults.md has what each does. */
enum lc_fault {
	LC_FAULT_BOOT_SLOW = 1,       /* value: ns that booting takes longer; at the next power-on, or now if it boots */
	LC_FAULT_BOOT_FAILED,         /* target: bit of BOOT_ERR */
	LC_FAULT_FIRMWARE_HANG,       /* HEARTBEAT stands still, no command is fetched, CC is not heard */
	LC_FAULT_ALL_ONES,            /* the card has left the bus: BARs read all ones, until a bus reset */
	LC_FAULT_INTERRUPT_LOST,      /* target: vector */
	LC_FAULT_INTERRUPT_DUPLICATE, /* target: vector */
	LC_FAULT_DMA_POISONED,        /* target: 0 = reads from the host, 1 = writes to it */
	LC_FAULT_QUEUE_STUCK,         /* target: submission queue; 0 is the admin queue */
	LC_FAULT_CELL_STUCK,          /* target: place (core, bank, row, column); value: weight code it reads as */
	LC_FAULT_CELLS_WORN,          /* target: place (core, bank): at the end of its endurance */
	LC_FAULT_LASER_LINE,          /* target: place (core, lane): no light */
	LC_FAULT_ADC_OFFSET,          /* target: place (core, 0, 0, column); value: weight code x input code */
	LC_FAULT_THERMAL,             /* target: place (core); value: mK of the die above the temperature of calibration */
	LC_FAULT_DRIFT,               /* value: ns that the cells age at once */
	LC_FAULT_LINK                 /* target: lanes; value: generation it trains down to */
};
#define LC_FAULTS 16u
#define LC_INJECT_CLEAR 0x01u /* the fault goes away; count and value are 0 */
#define LC_TARGET_ANY 0xffffffffffffffffull
#define LC_PLACE(core, bank_or_lane, row, column)                                                                      \
	((uint64_t)(core) | (uint64_t)(bank_or_lane) << 16 | (uint64_t)(row) << 32 | (uint64_t)(column) << 48)
#define LC_PLACE_CORE(target) ((uint32_t)(target) & 0xffffu)
#define LC_PLACE_BANK(target) ((uint32_t)((target) >> 16) & 0xffffu)
#define LC_PLACE_LANE(target) LC_PLACE_BANK(target)
#define LC_PLACE_ROW(target) ((uint32_t)((target) >> 32) & 0xffffu)
#define LC_PLACE_COLUMN(target) ((uint32_t)((target) >> 48) & 0xffffu)

#define LC_FMT_U8 0u
#define LC_FMT_S8 1u
#define LC_FMT_S32 2u
#define LC_FMT_F32 3u
#define LC_FMT_S16 4u /* of vector operations and GEMM, and output of MVM */

/* PROGRAM_WEIGHTS / VERIFY_WEIGHTS operands. Completion result: cells written / rows that differ. */
struct lc_program_op {
	uint16_t core;
	uint16_t bank;
	uint16_t rows;     /* inputs used, 1..N */
	uint16_t cols;     /* outputs used, 1..N */
	uint32_t row_stride; /* bytes between outputs of the s8 weights [col][row] */
	uint32_t flags;
	uint64_t weights;  /* s8 [cols][rows] */
	uint64_t adc_range; /* u32 [cols]: ADC full scale, in units of weight code x input code; 0 = widest */
	uint8_t rsvd[192 - 32];
};

/* Input of an MVM stream, and of windowed vector operations: an affine walk over an NHWC tensor.
 * Vector v = ((n * oh) + y) * ow + x. Row k (k0 <= k < k0 + rows) = (kh * kernel_w + kw) * c + ch reads
 *   base + n*stride_n + (y*step_h - pad_h + kh*dil_h)*stride_h + (x*step_w - pad_w + kw*dil_w)*stride_w + ch
 * and a position outside [0,height) x [0,width) reads the value zero (never memory). */
struct lc_window {
	uint64_t base;
	uint32_t images, out_h, out_w; /* counts of n, y, x */
	uint32_t channels;             /* c of this window */
	uint32_t height, width;
	uint64_t stride_n;             /* bytes */
	uint32_t stride_h, stride_w;   /* bytes */
	uint16_t kernel_h, kernel_w, step_h, step_w, dil_h, dil_w;
	int16_t pad_h, pad_w;
};

/* Output: element (v, col) at base + n*stride_n + y*stride_h + x*stride_w + col * element size (bytes). */
struct lc_surface {
	uint64_t base;
	uint64_t stride_n;
	uint32_t stride_h, stride_w;
};

/* Where post-processing constants are: s32 bias[cols], s32 multiplier[cols], u8 shift[cols], packed in
 * that order. Output = clamp(((acc + bias) * multiplier + (1 << (shift-1))) >> shift + zero_point, lo, hi);
 * shift 1..62, arithmetic shift, acc + bias saturates to s32. Format s32: acc + bias. */
#define LC_MVM_ACC_FIRST 0x01u   /* partial sums start here (no read) */
#define LC_MVM_ACC_LAST 0x02u    /* post-process and write the output; otherwise write the partial sums */
#define LC_MVM_COUNT_SAMPLES 0x04u /* sample_base 0 means: the card's running count for this weight id */
/* What a tile adds to its partial sums, S being the sum of its samples over copies and passes, in exact integers:
 *   floor(S * largest * scale / (passes * row_copies * col_copies) + 1/2), saturated to s32
 * `largest`: 1, or with `full` the largest magnitude among the vector's codes in this tile; those codes reach the
 * light as floor(|code| * full / largest + 1/2), sign kept. */
struct lc_mvm_op {
	uint16_t core;
	uint16_t bank;
	uint16_t rows;
	uint16_t cols;
	uint8_t flags;
	uint8_t in_format;  /* LC_FMT_U8 or LC_FMT_S8 */
	uint8_t out_format; /* LC_FMT_U8, LC_FMT_S8, LC_FMT_S16, LC_FMT_S32 */
	uint8_t passes;     /* 1..64: every sample is converted so often; 0 counts as 1 */
	uint32_t k0;        /* first row of the flattened kernel in this tile */
	uint64_t sample_base;
	struct lc_window in;   /* 64 bytes */
	struct lc_surface out; /* 24 bytes */
	uint64_t psum;      /* s32 [vectors][outputs], SRAM */
	uint64_t post;      /* constants, or 0 for none (bias 0, s32 out only) */
	int32_t clamp_lo, clamp_hi;
	int32_t zero_point;
	uint16_t row_copies; /* the tile's rows are so many copies of rows/row_copies rows; 0 counts as 1 */
	uint16_t col_copies; /* the same of its columns: outputs = cols/col_copies */
	uint64_t scale;      /* bf16 [outputs], SRAM; 0 = all 1 */
	uint8_t full;        /* block scaling: a vector's largest code becomes this; 0 = codes as they are */
	uint8_t rsvd[192 - 153];
};

/* Vector operations. Elements are NHWC; `in`/`in2` as lc_window (kernel 1x1 for element-wise). */
#define LC_VEC_ADD 1u       /* clamp(rescale(a) + rescale(b)); Q: see below */
#define LC_VEC_REQUANT 2u   /* one input, rescale, clamp (also ReLU, clip, s32 -> 8 bit) */
#define LC_VEC_MAXPOOL 3u
#define LC_VEC_AVGPOOL 4u   /* sum over the window (zeros outside), then rescale; count per position if flagged */
#define LC_VEC_SOFTMAX 5u   /* over channels; integers times f32 scale; out f32, or codes of share * mult */
#define LC_VEC_MOVE 6u      /* layout: copy elements through the window (pad, crop, transpose by strides) */
#define LC_VEC_MUL 7u       /* clamp(rescale(a * b)) */
#define LC_VEC_TABLE 8u     /* 8-bit codes to any function of them: table[256], by the byte as unsigned */
#define LC_VEC_NORM 9u      /* over channels: (v - mean) / sqrt(variance + epsilon) * gain + shift */
#define LC_VEC_GATHER 10u   /* rows of a table, by the s32 index at channel 0 of each position */
#define LC_VEC_VALID_COUNT 0x01u /* AVGPOOL: divide by the number of positions inside, not by the kernel */
#define LC_VEC_IN2_SCALAR 0x02u  /* ADD, MUL: in2 has one element a position, for all channels */
#define LC_VEC_RMS 0x04u         /* NORM: v / sqrt(mean square + epsilon) * gain + shift */
#define LC_VEC_KINDS 11u
struct lc_vector_op {
	uint8_t kind;
	uint8_t flags;
	uint8_t in_format, in2_format;
	uint8_t out_format;
	uint8_t rsvd0[3];
	struct lc_window in;    /* 64 */
	struct lc_surface in2;  /* 24: second operand, same shape as the output */
	struct lc_surface out;  /* 24 */
	/* rescale(v) = (v * mult) >> shift, rounded half up; ADD: the sum of both products over one shift (shift),
	 * out = clamp(((a*mult + b*mult2) + (1 << (shift-1))) >> shift + zero_point, lo, hi).
	 * SOFTMAX with integer output: clamp(floor(share * mult + 1/2) + zero_point, lo, hi).
	 * NORM, with C channels, exact integer sums S of v and Q of v*v, in double, each operation rounded once:
	 *   d = C*v - S, r = sqrt(C*Q - S*S + epsilon*C*C);  RMS: d = C*v, r = sqrt(C*Q + epsilon*C*C)
	 *   out = clamp(floor(d / r * gain + shift + 1/2) + zero_point, lo, hi), what is no number becomes lo */
	int32_t mult, mult2;
	uint8_t shift;
	uint8_t rsvd1[3];
	int32_t zero_point;
	int32_t clamp_lo, clamp_hi;
	uint32_t scale_f32;     /* SOFTMAX: f32 bits, input scale; NORM: epsilon, in squares of input codes */
	uint32_t out_channel_stride; /* MOVE: bytes between output channels; 0 = dense */
	uint32_t in_channel_stride;  /* MOVE: bytes between input channels; 0 = dense */
	uint32_t rows;   /* GATHER: of the table */
	uint64_t table;  /* SRAM. TABLE: 256 elements of out_format; NORM: f32 gain[channels], f32 shift[channels], in
	                  * output codes; GATHER: [rows][channels] of out_format */
	uint8_t rsvd[192 - 168];
};

/* Digital matrix product: out[m][n] = sum_k a[m][k] * b[n][k], both operands in the scratchpad; u8,
 * s8 or s16 (a 16-bit operand takes each product twice as long). The sum saturates to s32.
 * WINDOW: a convolution of `batch` groups. Row v of group g's `a` is vector v of `in` with the channels of that group, in
 * the order (kh, kw, channel of the group): k = kernel_h * kernel_w * channels / batch, m = the window's vectors; a, images
 * and their strides are 0, codes have 8 bits, and there are constants for n * batch columns, group after group. */
#define LC_GEMM_WINDOW 0x01u
struct lc_gemm_op {
	uint32_t m, n, k;
	uint8_t a_format, b_format, out_format, flags;
	uint64_t a, b, out;
	uint32_t a_stride, b_stride, out_stride, batch; /* bytes; batch 0 counts as 1 */
	uint64_t a_batch, b_batch, out_batch;           /* bytes between batches */
	uint64_t post;                                  /* constants for n columns, or 0 (s32 out) */
	int32_t clamp_lo, clamp_hi;
	int32_t zero_point;
	uint32_t images;                                /* so many times all batches; 0 counts as 1 */
	uint64_t a_image, b_image, out_image;           /* bytes between images */
	struct lc_window in;                            /* WINDOW */
};

/* EXEC: src of the SQE = this block. Runs `records` records of 256 bytes at `buffer`, in order of issue. */
struct lc_exec_op {
	uint64_t buffer;
	uint32_t records;
	uint32_t flags;
	uint64_t args[LC_ARGS]; /* card pointers that ARG0.. resolve to */
	uint8_t rsvd[192 - 80];
};

#define LC_OPERAND_BYTES 192u
#define LC_RECORD_BYTES 256u
struct lc_record {
	struct lc_sqe sqe;
	uint8_t operands[LC_OPERAND_BYTES];
};

/* IDENTIFY page 0. */
struct lc_identify {
	uint32_t magic;
	uint32_t abi_version;
	uint32_t n, lanes, cores, banks, writers, level_bits;
	uint32_t dac_bits, adc_bits, io_queues, queue_entries;
	uint64_t symbol_rate, sram_bytes, dram_bytes, max_transfer;
	uint64_t write_slot_ps, write_slots_per_tile;
	char config_hash[16];
	char model_name[32];
	uint8_t rsvd[512 - 144];
};

/* Log pages. */
#define LC_LOG_ERROR 1u    /* struct lc_log_error[], newest first */
#define LC_LOG_WEIGHTS 2u  /* struct lc_log_weights[cores * banks] */
#define LC_LOG_PROGRESS 3u /* struct lc_log_progress[]: commands in flight */
#define LC_LOG_EVENT 4u    /* struct lc_log_event[], newest first, of all types; kept through resets but power-on */
#define LC_LOG_CALIBRATION 5u /* struct lc_log_calibration[cores] */
#define LC_LOG_WEAR 6u     /* struct lc_log_wear[cores * banks] */
struct lc_log_error {
	uint64_t count; /* running number, 1 = first since power-on */
	uint64_t time_ns;
	uint16_t sq_id, cid, status, rsvd0;
	uint64_t result;
	uint64_t address;
};
struct lc_log_weights {
	uint64_t weight_id; /* 0 = none */
	uint64_t epoch;     /* times this bank was programmed */
	uint64_t age_ns;
	uint64_t max_wear;  /* cycles of the most worn row */
	uint16_t core, bank, rows, cols;
};
struct lc_log_progress {
	uint16_t sq_id, cid;
	uint16_t opcode, permille;
};
struct lc_log_event {
	uint64_t count;   /* running number, 1 = first since power-on */
	uint64_t time_ns;
	uint8_t type;     /* enum lc_event */
	uint8_t info;     /* by type, as in the completion */
	uint16_t rsvd0;
	uint32_t resets;  /* RESET_COUNT when it happened */
	int64_t value;    /* by type */
};
#define LC_CALIBRATION_NEEDED 0x01u      /* results may be off */
#define LC_CALIBRATION_THERMAL 0x02u /* the temperatures are measured ones */
struct lc_log_calibration {
	uint64_t calibrated_ns;  /* ageing clock at the last calibration; 0 = as delivered */
	uint64_t age_ns;         /* since then */
	uint64_t samples;        /* of the core's converters, since power-on */
	uint64_t clipped;        /* of those, at the end of the converter's range */
	int32_t calibrated_mc;   /* temperature of the die at the last calibration, 0.001 C */
	int32_t temperature_mc;  /* and now */
	uint32_t flags;          /* LC_CALIBRATION_* */
	uint16_t core;
	uint16_t ranged_banks;   /* whose ADC ranges come from a calibration */
};
struct lc_log_wear {
	uint64_t max_cycles;   /* of the most worn row */
	uint64_t total_cycles; /* sum over rows */
	uint64_t endurance;    /* cycles a row is good for */
	uint64_t programs;     /* times this bank was programmed */
	uint32_t worn_rows;    /* beyond their endurance */
	uint32_t stuck_cells;
	uint32_t spare_rows;   /* left */
	uint16_t core, bank;
};

/*
 * Telemetry: TELEM_COUNT entries at TELEM_PTR in BAR0. A tag stands once an index (core, sensor). Tags a driver does not
 * know it skips; tags the card cannot answer are not there. Read the low half of `value` first: it latches the high one.
 */
struct lc_telemetry {
	uint16_t tag;   /* enum lc_tag */
	uint16_t index;
	uint32_t rsvd0;
	int64_t value;
};
enum lc_tag {
	LC_TAG_FIRMWARE_VERSION = 0x0001, /* as VERSION: major.minor.patch in 8.8.16 bits */
	LC_TAG_UPTIME_NS = 0x0002,
	LC_TAG_LAG_NS = 0x0003,           /* the model's present work has taken so much longer than card time */
	LC_TAG_QUEUE_DEPTH = 0x0004,      /* commands in flight; index: submission queue */
	LC_TAG_COMMANDS = 0x0005,
	LC_TAG_FAILED_COMMANDS = 0x0006,
	LC_TAG_FAULTS = 0x0007,           /* injected faults that are active */
	LC_TAG_TEMP_DIE_MC = 0x0010,      /* 0.001 C; index: core */
	LC_TAG_TEMP_LIMIT_MC = 0x0011,    /* THERMAL event above it */
	LC_TAG_TEMP_BOARD_MC = 0x0012,
	LC_TAG_POWER_BOARD_UW = 0x0020,   /* mean since the reading before, of at least 1 ms ago */
	LC_TAG_ENERGY_UJ = 0x0021,        /* of the card since power-on */
	LC_TAG_POWER_LASER_UW = 0x0022,   /* electrical, now; index: core */
	LC_TAG_POWER_STATE = 0x0023,      /* as PWR_STATUS.STATE */
	LC_TAG_BIAS_UA = 0x0024,          /* index: core */
	LC_TAG_ADC_SAMPLES = 0x0030,      /* index: core */
	LC_TAG_ADC_CLIPPED = 0x0031,      /* index: core */
	LC_TAG_WEAR_PPM = 0x0040,         /* most worn row of the core, of its endurance; index: core */
	LC_TAG_CELLS_WRITTEN = 0x0041,    /* index: core */
	LC_TAG_SPARE_ROWS = 0x0042,       /* left; index: core */
	LC_TAG_LINK_MTS = 0x0050,         /* MT/s a lane */
	LC_TAG_LINK_LANES = 0x0051,
	LC_TAG_LASER_LINES = 0x0060       /* lit or ready; index: core */
};

#ifdef __cplusplus
}
#define LC_ASSERT_SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes), #type)
#else
#define LC_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#endif
LC_ASSERT_SIZE(lc_sqe, 64);
LC_ASSERT_SIZE(lc_cqe, 16);
LC_ASSERT_SIZE(lc_window, 64);
LC_ASSERT_SIZE(lc_surface, 24);
LC_ASSERT_SIZE(lc_program_op, 192);
LC_ASSERT_SIZE(lc_mvm_op, 192);
LC_ASSERT_SIZE(lc_vector_op, 192);
LC_ASSERT_SIZE(lc_gemm_op, 192);
LC_ASSERT_SIZE(lc_exec_op, 192);
LC_ASSERT_SIZE(lc_record, 256);
LC_ASSERT_SIZE(lc_identify, 512);
LC_ASSERT_SIZE(lc_log_error, 40);
LC_ASSERT_SIZE(lc_log_weights, 40);
LC_ASSERT_SIZE(lc_log_progress, 8);
LC_ASSERT_SIZE(lc_log_event, 32);
LC_ASSERT_SIZE(lc_log_calibration, 48);
LC_ASSERT_SIZE(lc_log_wear, 48);
LC_ASSERT_SIZE(lc_telemetry, 16);

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * What a program may have the card read and write in host memory: its own buffers, and nothing else.
 *
 * Only COPY and EXEC reach host memory (docs/commands.md); operand blocks come through the driver. The records of an EXEC
 * are checked in a copy that the program cannot change, and the card runs that copy. Everything but host pointers is the
 * card's to judge: it answers with a status.
 */
#include <linux/overflow.h>
#include <linux/slab.h>

#include "lightcard.h"

struct lcd_checker {
	struct lcd_file *file;
	struct lcd_request *request;
	u32 room; /* of request->used */
	const u64 *args; /* of EXEC, as the program gave them; NULL outside */
};

/* The memory stays until the command is done. */
static int lcd_keep(struct lcd_checker *checker, struct lcd_memory *memory)
{
	struct lcd_request *request = checker->request;
	u32 i;

	for (i = 0; i < request->used_count; i++) {
		if (request->used[i] == memory) {
			lcd_memory_put(memory);
			return 0;
		}
	}
	if (request->used_count == checker->room) {
		u32 room = max(8u, 2 * checker->room);
		struct lcd_memory **used = kvcalloc(room, sizeof(*used), GFP_KERNEL_ACCOUNT);

		if (!used) {
			lcd_memory_put(memory);
			return -ENOMEM;
		}
		if (request->used_count)
			memcpy(used, request->used, request->used_count * sizeof(*used));
		kvfree(request->used);
		request->used = used;
		checker->room = room;
	}
	request->used[request->used_count++] = memory;
	return 0;
}

/* [address, address + bytes) of the file; *bus is where it lies for the card. */
static int lcd_translate(struct lcd_checker *checker, u64 address, u64 bytes, u64 *bus)
{
	struct lcd_memory *memory = lcd_buffer_find(checker->file, address, bytes);

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	*bus = memory->bus + (address - memory->address);
	return lcd_keep(checker, memory);
}

/* A pointer that the card follows for `bytes`. Spaces other than host memory are the card's to judge. */
static int lcd_check_pointer(struct lcd_checker *checker, u64 *pointer, u64 bytes)
{
	u32 space = LC_PTR_SPACE(*pointer);
	u64 bus, base, address;
	int ret;

	if (space == LC_SPACE_HOST) {
		ret = lcd_translate(checker, LC_PTR_OFFSET(*pointer), bytes, &bus);
		if (!ret)
			*pointer = LC_PTR(LC_SPACE_HOST, bus);
		return ret;
	}
	if (!checker->args || space < LC_SPACE_ARG0 || space >= LC_SPACE_ARG0 + LC_ARGS)
		return 0;
	base = checker->args[space - LC_SPACE_ARG0];
	if (LC_PTR_SPACE(base) != LC_SPACE_HOST)
		return 0;
	/* args[i] plus an offset: stays as it is, for the argument has been translated. Same buffer, so same distance. */
	address = LC_PTR_OFFSET(base) + LC_PTR_OFFSET(*pointer);
	ret = lcd_translate(checker, address, bytes, &bus);
	if (!ret) {
		struct lcd_memory *first = lcd_buffer_find(checker->file, LC_PTR_OFFSET(base), 1);

		if (IS_ERR(first))
			return PTR_ERR(first);
		if (address - first->address >= first->bytes)
			ret = -EFAULT;
		lcd_memory_put(first);
	}
	return ret;
}

/* `rows` rows (0 counts as 1) of `length` bytes, `stride` apart. */
static int lcd_copy_bytes(u32 rows, u32 length, u64 stride, u64 *bytes)
{
	u64 gap;

	if (check_mul_overflow((u64)(rows ? rows - 1 : 0), stride, &gap) || check_add_overflow(gap, (u64)length, bytes))
		return -EFAULT;
	return 0;
}

static int lcd_check_copy(struct lcd_checker *checker, struct lc_sqe *sqe)
{
	u64 bytes;
	int ret = lcd_copy_bytes(sqe->u.copy.rows, sqe->length, sqe->u.copy.src_stride, &bytes);

	if (!ret)
		ret = lcd_check_pointer(checker, &sqe->src, bytes);
	if (!ret)
		ret = lcd_copy_bytes(sqe->u.copy.rows, sqe->length, sqe->u.copy.dst_stride, &bytes);
	if (!ret)
		ret = lcd_check_pointer(checker, &sqe->dst, bytes);
	return ret;
}

static int lcd_check_exec(struct lcd_checker *checker)
{
	struct lcd_request *request = checker->request;
	struct lc_exec_op *exec = (struct lc_exec_op *)request->operands;
	u64 bytes = (u64)exec->records * LC_RECORD_BYTES, args[LC_ARGS];
	struct lcd_memory *source;
	struct lc_record *records;
	u32 i;
	int ret = 0;

	if (!request->has_operands || LC_PTR_SPACE(exec->buffer) != LC_SPACE_HOST)
		return -EINVAL;
	if (!exec->records || exec->records > LCD_MAX_RECORDS)
		return -EINVAL;
	source = lcd_buffer_find(checker->file, LC_PTR_OFFSET(exec->buffer), bytes);
	if (IS_ERR(source))
		return PTR_ERR(source);
	request->records = lcd_memory_new(request->card, bytes);
	if (request->records)
		memcpy(request->records->host,
		       source->host + (LC_PTR_OFFSET(exec->buffer) - source->address), bytes);
	else
		ret = -ENOMEM;
	lcd_memory_put(source);
	if (ret)
		return ret;

	memcpy(args, exec->args, sizeof(args));
	for (i = 0; i < LC_ARGS && !ret; i++)
		if (exec->args[i])
			ret = lcd_check_pointer(checker, &exec->args[i], 1);
	checker->args = args;
	records = request->records->host;
	for (i = 0; i < exec->records && !ret; i++)
		if (records[i].sqe.opcode == LC_OP_COPY)
			ret = lcd_check_copy(checker, &records[i].sqe);
	exec->buffer = LC_PTR(LC_SPACE_HOST, request->records->bus);
	return ret;
}

/* Replaces the program's addresses by bus addresses, or refuses. */
int lcd_check(struct lcd_file *file, struct lcd_request *request)
{
	struct lcd_checker checker = { .file = file, .request = request };

	switch (request->sqe.opcode) {
	case LC_OP_NOP:
	case LC_OP_FENCE:
		return 0;
	case LC_OP_COPY:
		return request->has_operands ? -EINVAL : lcd_check_copy(&checker, &request->sqe);
	case LC_OP_PROGRAM_WEIGHTS:
	case LC_OP_VERIFY_WEIGHTS:
	case LC_OP_MVM:
	case LC_OP_VECTOR:
	case LC_OP_GEMM:
		/* Without a block of the driver's, src would be a host pointer of the program's. */
		return request->has_operands ? 0 : -EINVAL;
	case LC_OP_EXEC:
		return lcd_check_exec(&checker);
	default:
		return -EOPNOTSUPP; /* what a newer card does with its pointers is not known here */
	}
}

// keyspace: all that a story left in its database, in a form in which two
// databases can be compared. One script reads it, because a story is compared
// after every step.
//
// What is no part of the format is left out: the order of a JSON object's
// members, ids of stream entries, the text of stack traces, some milliseconds
// of a time to live, and which release wrote the settings.

import { isDeepStrictEqual } from 'node:util';

// ARGV: a stream's key and the last id seen of it, for each one known.
const READ = `
local seen = {}
for i = 1, #ARGV, 2 do
	seen[ARGV[i]] = ARGV[i + 1]
end
local read = {
	string = function(key) return redis.call('GET', key) end,
	list = function(key) return redis.call('LRANGE', key, 0, -1) end,
	zset = function(key)
		return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
	end,
	hash = function(key) return redis.call('HGETALL', key) end,
	set = function(key)
		local members = redis.call('SMEMBERS', key)
		table.sort(members)
		return members
	end,
	stream = function(key)
		local from = seen[key] and '(' .. seen[key] or '-'
		return { redis.call('XLEN', key),
			redis.call('XRANGE', key, from, '+') }
	end,
}
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
	local type = redis.call('TYPE', key).ok
	all[#all + 1] = { key, type, redis.call('PTTL', key), read[type](key) }
end
return all`;

// Both sides of a step are some milliseconds apart, on a busy machine more.
const TTL_TOLERANCE = 2000;

const JSON_FIELDS = new Set(['data', 'opts', 'parent', 'pd', 'progress',
	'returnvalue']);

function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return { 'not JSON': text };
	}
}

function pairs(flat) {
	const result = {};
	for (let i = 0; i < flat.length; i += 2)
		result[flat[i]] = flat[i + 1];
	return result;
}

function hash(key, fields) {
	const result = pairs(fields);
	for (const [name, value] of Object.entries(result)) {
		if (key.endsWith(':meta')) {
			if (name === 'version')
				result[name] = 'some version';
		} else if (key.endsWith(':processed') || JSON_FIELDS.has(name)) {
			result[name] = parsed(value);
		} else if (name === 'stacktrace') {
			result[name] = `${parsed(value).length} entries`;
		}
	}
	return result;
}

function event(fields) {
	const kind = fields[1];
	return fields.map((text, i) => i % 2 === 1 &&
		(fields[i - 1] === 'returnvalue' ||
			(kind === 'progress' && fields[i - 1] === 'data')) ?
		parsed(text) : text);
}

function canonical(key, [type, content]) {
	switch (type) {
	case 'hash':
		return { type, content: hash(key, content) };
	case 'zset':
		return { type, content: pairs(content), order:
			content.filter((_, i) => i % 2 === 0) };
	case 'stream':
		return { type, length: content[0],
			content: content[1].map(([, fields]) => event(fields)) };
	default:
		return { type, content };
	}
}

function ttlsDiffer(left, right) {
	return (left < 0 || right < 0) ? left !== right :
		Math.abs(left - right) > TTL_TOLERANCE;
}

// What one database holds; of streams only what came since the last read.
export class Keyspace {
	constructor(redis) {
		this.redis = redis;
		this.forget();
	}

	// The database was emptied.
	forget() {
		this.seen = {};
		this.keys = new Map();
	}

	async read() {
		this.keys = new Map();
		const all = await this.redis.eval(READ, 0,
			...Object.entries(this.seen).flat());
		for (const [key, type, ttl, content] of all) {
			if (type === 'stream' && content[1].length > 0)
				this.seen[key] = content[1].at(-1)[0];
			this.keys.set(key, { ttl, raw: [type, content] });
		}
	}

	has(key) {
		return this.keys.has(key);
	}

	// The key's content, comparable; undefined when there is none.
	get(key) {
		const entry = this.keys.get(key);
		return entry && canonical(key, entry.raw);
	}

	list(key) {
		return this.get(key)?.content ?? [];
	}

	// Members of a sorted set and their scores, a hash's fields.
	map(key) {
		return this.get(key)?.content ?? {};
	}

	// The members of a sorted set, lowest score first.
	order(key) {
		return this.get(key)?.order ?? [];
	}
}

// The keys in which two databases differ: { key, left, right }.
export function differences(left, right) {
	const found = [];
	for (const key of new Set([...left.keys.keys(), ...right.keys.keys()])) {
		const a = left.keys.get(key);
		const b = right.keys.get(key);
		if (a && b && !ttlsDiffer(a.ttl, b.ttl) &&
			JSON.stringify(a.raw) === JSON.stringify(b.raw))
			continue;
		const one = left.get(key);
		const other = right.get(key);
		if (a && b && ttlsDiffer(a.ttl, b.ttl)) {
			one.ttl = a.ttl;
			other.ttl = b.ttl;
		}
		if (!isDeepStrictEqual(one, other))
			found.push({ key, left: one, right: other });
	}
	return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

// Only those fields of a hash, and members of a sorted set, that differ.
export function narrowed({ key, left, right }) {
	const type = left?.type ?? right?.type;
	const one = left ?? { type, content: {} };
	const other = right ?? { type, content: {} };
	if (one.type !== other.type || !['hash', 'zset'].includes(type))
		return { key, left, right };
	const names = [...Object.keys(one.content), ...Object.keys(other.content)]
		.filter((name) => !isDeepStrictEqual(one.content[name],
			other.content[name]));
	const those = ({ content }) => Object.fromEntries(
		names.map((name) => [name, content[name]]));
	return names.length > 0 ?
		{ key, left: those(one), right: those(other) } :
		{ key, left, right };
}

package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// checks counts what was compared and keeps what was wrong.
type checks struct {
	count int
	wrong []string
}

// same compares what a command answered; a failed command is a failed check.
func (c *checks) same(what string, wanted any) func(found any, err error) {
	return func(found any, err error) {
		c.count++
		if err != nil {
			c.wrong = append(c.wrong, fmt.Sprintf("%s: %v", what, err))
		} else if !reflect.DeepEqual(found, wanted) {
			c.wrong = append(c.wrong, fmt.Sprintf("%s: %#v, not %#v", what, found, wanted))
		}
	}
}

// of makes a command's result and error one argument list for same.
func of[T any](found T, err error) (any, error) { return found, err }

// refused wants an error that holds the text.
func (c *checks) refused(what, text string, err error) {
	c.same(what, true)(err != nil && strings.Contains(err.Error(), text), nil)
}

// key puts all keys in one slot: commands of several keys and transactions work in a cluster too.
func key(name string) string { return "{go-redis}:" + name }

type watcher interface {
	Watch(ctx context.Context, fn func(*redis.Tx) error, keys ...string) error
}

// runTypes goes through all data types.
func runTypes(address, mode string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cluster := mode == "cluster"
	connect := func() redis.UniversalClient {
		if cluster {
			return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}})
		}
		return redis.NewClient(&redis.Options{Addr: address})
	}
	r, other := connect(), connect()
	defer r.Close()
	defer other.Close()
	if err := other.Get(ctx, key("s")).Err(); err != nil && err != redis.Nil && !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		return err
	}
	found, err := scan(ctx, r, "*{go-redis*}*", "")
	if err != nil {
		return err
	}
	for _, name := range found {
		r.Unlink(ctx, name)
	}
	c := &checks{}
	checkStrings(ctx, c, r)
	checkLists(ctx, c, r, other)
	checkSets(ctx, c, r)
	checkHashes(ctx, c, r)
	checkSortedSets(ctx, c, r, other)
	checkStreams(ctx, c, r, other)
	checkPlaces(ctx, c, r)
	checkGeneric(ctx, c, r)
	checkChannels(ctx, c, r, cluster)
	checkTransactions(ctx, c, r)
	checkIterators(ctx, c, r)
	if len(c.wrong) > 0 {
		return fmt.Errorf("%s\ngo-redis types %s: %d of %d checks failed", strings.Join(c.wrong, "\n"), mode, len(c.wrong), c.count)
	}
	fmt.Printf("go-redis types %s: %d checks passed\n", mode, c.count)
	return nil
}

// meanwhile calls what blocks on another connection, and makes another call while it does.
func meanwhile(blocking func(), then func()) {
	var group sync.WaitGroup
	group.Add(1)
	go func() { defer group.Done(); blocking() }()
	time.Sleep(100 * time.Millisecond)
	then()
	group.Wait()
}

func scan(ctx context.Context, r redis.UniversalClient, match, kind string) ([]string, error) {
	var mutex sync.Mutex
	var all []string
	node := func(ctx context.Context, client *redis.Client) error {
		cursor := client.ScanType(ctx, 0, match, 500, kind)
		if kind == "" {
			cursor = client.Scan(ctx, 0, match, 500)
		}
		iterator := cursor.Iterator()
		for iterator.Next(ctx) {
			mutex.Lock()
			all = append(all, iterator.Val())
			mutex.Unlock()
		}
		return iterator.Err()
	}
	if cluster, is := r.(*redis.ClusterClient); is {
		err := cluster.ForEachMaster(ctx, node)
		return all, err
	}
	err := node(ctx, r.(*redis.Client))
	return all, err
}

func sorted(list []string, err error) (any, error) {
	sort.Strings(list)
	return list, err
}

func checkStrings(ctx context.Context, c *checks, r redis.UniversalClient) {
	c.same("SET EX", "OK")(of(r.Set(ctx, key("s"), 1, 100*time.Second).Result()))
	c.same("INCRBYFLOAT", 1.5)(of(r.IncrByFloat(ctx, key("s"), 0.5).Result()))
	c.same("SET NX", false)(of(r.SetNX(ctx, key("s"), 2, 0).Result()))
	c.same("SET GET", "1.5")(of(r.SetArgs(ctx, key("s"), 2, redis.SetArgs{Get: true, KeepTTL: true}).Result()))
	c.same("GETEX PERSIST", "2")(of(r.GetEx(ctx, key("s"), 0).Result()))
	c.same("TTL", time.Duration(-1))(of(r.TTL(ctx, key("s")).Result()))
	c.same("BITFIELD", []int64{0, 210})(of(r.BitField(ctx, key("bits"), "SET", "u8", 0, 200, "INCRBY", "u8", 0, 10).Result()))
	c.same("MSET", "OK")(of(r.MSet(ctx, key("m1"), 1, key("m2"), 2).Result()))
	c.same("MGET", []any{"1", nil, "2"})(of(r.MGet(ctx, key("m1"), key("none"), key("m2")).Result()))
	c.refused("LPUSH on a string", "WRONGTYPE", r.LPush(ctx, key("s"), "x").Err())
}

func checkLists(ctx context.Context, c *checks, r, other redis.UniversalClient) {
	c.same("RPUSH", int64(6))(of(r.RPush(ctx, key("l"), "a", "b", "c", "a", "b", "c").Result()))
	c.same("LRANGE", []string{"b", "c", "a", "b"})(of(r.LRange(ctx, key("l"), 1, -2).Result()))
	c.same("LPOS", []int64{0, 3})(of(r.LPosCount(ctx, key("l"), "a", 0, redis.LPosArgs{}).Result()))
	c.same("LINSERT", int64(7))(of(r.LInsertBefore(ctx, key("l"), "b", "x").Result()))
	c.same("LREM", int64(1))(of(r.LRem(ctx, key("l"), -1, "c").Result()))
	c.same("LMOVE", "a")(of(r.LMove(ctx, key("l"), key("l2"), "LEFT", "RIGHT").Result()))
	from, popped, err := r.LMPop(ctx, "RIGHT", 2, key("none"), key("l")).Result()
	c.same("LMPOP", []any{key("l"), []string{"b", "a"}})([]any{from, popped}, err)
	meanwhile(func() {
		c.same("BLPOP", []string{key("q2"), "job"})(of(other.BLPop(ctx, 10*time.Second, key("q1"), key("q2")).Result()))
	}, func() { r.RPush(ctx, key("q2"), "job") })
	meanwhile(func() {
		c.same("BLMOVE", "job")(of(other.BLMove(ctx, key("q1"), key("q3"), "LEFT", "RIGHT", 10*time.Second).Result()))
	}, func() { r.RPush(ctx, key("q1"), "job") })
	meanwhile(func() {
		from, popped, err := other.BLMPop(ctx, 10*time.Second, "LEFT", 1, key("q1")).Result()
		c.same("BLMPOP", []any{key("q1"), []string{"job"}})([]any{from, popped}, err)
	}, func() { r.LMove(ctx, key("q3"), key("q1"), "LEFT", "LEFT") })
	c.same("BRPOP times out", true)(other.BRPop(ctx, time.Second, key("q1")).Err() == redis.Nil, nil)
}

func checkSets(ctx context.Context, c *checks, r redis.UniversalClient) {
	c.same("SADD", int64(10))(of(r.SAdd(ctx, key("set"), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9).Result()))
	c.same("SADD", int64(3))(of(r.SAdd(ctx, key("set2"), 5, 6, "x").Result()))
	c.same("SISMEMBER", true)(of(r.SIsMember(ctx, key("set"), 5).Result()))
	c.same("SMISMEMBER", []bool{true, false})(of(r.SMIsMember(ctx, key("set"), 1, "x").Result()))
	c.same("SINTER", []string{"5", "6"})(sorted(r.SInter(ctx, key("set"), key("set2")).Result()))
	c.same("SINTERCARD", int64(1))(of(r.SInterCard(ctx, 1, key("set"), key("set2")).Result()))
	c.same("SUNIONSTORE", int64(11))(of(r.SUnionStore(ctx, key("set3"), key("set"), key("set2")).Result()))
	c.same("SMOVE", true)(of(r.SMove(ctx, key("set2"), key("set"), "x").Result()))
	c.same("SMEMBERS", map[string]struct{}{"5": {}, "6": {}})(of(r.SMembersMap(ctx, key("set2")).Result()))
	c.same("SPOP", []string{"5", "6"})(sorted(r.SPopN(ctx, key("set2"), 5).Result()))
	c.same("EXISTS of an emptied set", int64(0))(of(r.Exists(ctx, key("set2")).Result()))
}

func checkHashes(ctx context.Context, c *checks, r redis.UniversalClient) {
	c.same("HSET", int64(3))(of(r.HSet(ctx, key("h"), "a", 1, "b", "two", "c", 3).Result()))
	c.same("HGETALL", map[string]string{"a": "1", "b": "two", "c": "3"})(of(r.HGetAll(ctx, key("h")).Result()))
	c.same("HINCRBYFLOAT", 2.5)(of(r.HIncrByFloat(ctx, key("h"), "a", 1.5).Result()))
	c.same("HMGET", []any{"2.5", nil})(of(r.HMGet(ctx, key("h"), "a", "z").Result()))
	values, err := r.HRandFieldWithValues(ctx, key("h"), 9).Result()
	c.same("HRANDFIELD WITHVALUES", 3)(len(values), err)
	c.same("HEXPIRE", []int64{1, -2})(of(r.HExpire(ctx, key("h"), 100*time.Second, "a", "z").Result()))
	left, err := r.HTTL(ctx, key("h"), "a").Result()
	c.same("HTTL", true)(len(left) == 1 && left[0] > 90 && left[0] <= 100, err)
	c.same("HPERSIST", []int64{1, -1})(of(r.HPersist(ctx, key("h"), "a", "b").Result()))
	soon := redis.HSetEXOptions{ExpirationType: redis.HSetEXExpirationPX, ExpirationVal: 50}
	c.same("HSETEX", int64(1))(of(r.HSetEXWithArgs(ctx, key("h"), &soon, "d", "4").Result()))
	stays := redis.HGetEXOptions{ExpirationType: redis.HGetEXExpirationPERSIST}
	c.same("HGETEX", []string{"two", "4"})(of(r.HGetEXWithArgs(ctx, key("h"), &stays, "b", "d").Result()))
	c.same("HPEXPIRE", []int64{1})(of(r.HPExpire(ctx, key("h"), time.Millisecond, "b").Result()))
	time.Sleep(50 * time.Millisecond)
	c.same("HMGET of an expired field and of one made to stay", []any{nil, "4"})(of(r.HMGet(ctx, key("h"), "b", "d").Result()))
}

func checkSortedSets(ctx context.Context, c *checks, r, other redis.UniversalClient) {
	c.same("ZADD", int64(3))(of(r.ZAdd(ctx, key("z"), redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2, Member: "b"}, redis.Z{Score: 3, Member: "c"}).Result()))
	greater := redis.ZAddArgs{GT: true, Ch: true, Members: []redis.Z{{Score: 0, Member: "a"}, {Score: 4, Member: "d"}}}
	c.same("ZADD GT CH", int64(1))(of(r.ZAddArgs(ctx, key("z"), greater).Result()))
	c.same("ZADD XX INCR", 2.5)(of(r.ZAddArgsIncr(ctx, key("z"), redis.ZAddArgs{XX: true, Members: []redis.Z{{Score: 1.5, Member: "a"}}}).Result()))
	all := []redis.Z{{Score: 2, Member: "b"}, {Score: 2.5, Member: "a"}, {Score: 3, Member: "c"}, {Score: 4, Member: "d"}}
	c.same("ZRANGE WITHSCORES", all)(of(r.ZRangeWithScores(ctx, key("z"), 0, -1).Result()))
	page := redis.ZRangeArgs{Key: key("z"), Start: "(2", Stop: "+inf", ByScore: true, Offset: 1, Count: 2}
	c.same("ZRANGE BYSCORE LIMIT", []string{"c", "d"})(of(r.ZRangeArgs(ctx, page).Result()))
	c.same("ZREVRANGEBYSCORE", []string{"c", "a", "b"})(of(r.ZRevRangeByScore(ctx, key("z"), &redis.ZRangeBy{Min: "-inf", Max: "3"}).Result()))
	c.same("ZRANK WITHSCORE", redis.RankScore{Rank: 2, Score: 3})(of(r.ZRankWithScore(ctx, key("z"), "c").Result()))
	c.same("ZMSCORE", []float64{2.5, 0})(of(r.ZMScore(ctx, key("z"), "a", "x").Result()))
	c.same("ZADD", int64(3))(of(r.ZAdd(ctx, key("lex"), redis.Z{Member: "b"}, redis.Z{Member: "c"}, redis.Z{Member: "d"}).Result()))
	c.same("ZRANGEBYLEX", []string{"b", "c"})(of(r.ZRangeByLex(ctx, key("lex"), &redis.ZRangeBy{Min: "[b", Max: "(d"}).Result()))
	union, err := r.ZUnionWithScores(ctx, redis.ZStore{Keys: []string{key("z"), key("lex")}, Aggregate: "MAX"}).Result()
	c.same("ZUNION", all)(union, err)
	c.same("ZINTERSTORE", int64(3))(of(r.ZInterStore(ctx, key("z2"), &redis.ZStore{Keys: []string{key("z"), key("lex")}, Weights: []float64{2, 1}}).Result()))
	c.same("ZSCORE", 6.0)(of(r.ZScore(ctx, key("z2"), "c").Result()))
	c.same("ZPOPMAX", []redis.Z{{Score: 8, Member: "d"}})(of(r.ZPopMax(ctx, key("z2")).Result()))
	from, popped, err := r.ZMPop(ctx, "MIN", 1, key("z2")).Result()
	c.same("ZMPOP", []any{key("z2"), []redis.Z{{Score: 4, Member: "b"}}})([]any{from, popped}, err)
	meanwhile(func() {
		c.same("BZPOPMIN", &redis.ZWithKey{Z: redis.Z{Score: 6, Member: "w"}, Key: key("zq")})(of(other.BZPopMin(ctx, 10*time.Second, key("zq")).Result()))
	}, func() { r.ZAdd(ctx, key("zq"), redis.Z{Score: 7, Member: "x"}, redis.Z{Score: 6, Member: "w"}) })
}

// ids are those of the messages of the one stream that was read.
func ids(streams []redis.XStream, err error) (any, error) {
	if err != nil || len(streams) != 1 {
		return streams, err
	}
	return messageIDs(streams[0].Messages, nil)
}

func messageIDs(messages []redis.XMessage, err error) (any, error) {
	list := []string{}
	for _, message := range messages {
		list = append(list, message.ID)
	}
	return list, err
}

func checkStreams(ctx context.Context, c *checks, r, other redis.UniversalClient) {
	x := key("x")
	add := func(n int) {
		id := fmt.Sprintf("%d-1", n)
		c.same("XADD", id)(of(r.XAdd(ctx, &redis.XAddArgs{Stream: x, ID: id, Values: []any{"n", n}}).Result()))
	}
	for n := 1; n <= 5; n++ {
		add(n)
	}
	c.same("XRANGE", []redis.XMessage{{ID: "3-1", Values: map[string]any{"n": "3"}}})(of(r.XRangeN(ctx, x, "(2-1", "+", 1).Result()))
	c.same("XGROUP CREATE", "OK")(of(r.XGroupCreate(ctx, x, "g", "0").Result()))
	c.refused("a second XGROUP CREATE", "BUSYGROUP", r.XGroupCreate(ctx, x, "g", "0").Err())
	read := func(client redis.UniversalClient, consumer string, count int64, block time.Duration) ([]redis.XStream, error) {
		return client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: consumer, Streams: []string{x, ">"}, Count: count, Block: block}).Result()
	}
	c.same("XREADGROUP", []string{"1-1", "2-1", "3-1"})(ids(read(r, "c1", 3, -1)))
	c.same("XACK", int64(1))(of(r.XAck(ctx, x, "g", "1-1").Result()))
	c.same("XPENDING", &redis.XPending{Count: 2, Lower: "2-1", Higher: "3-1", Consumers: map[string]int64{"c1": 2}})(of(r.XPending(ctx, x, "g").Result()))
	messages, next, err := r.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: x, Group: "g", Consumer: "c2", Start: "0", Count: 1}).Result()
	c.same("XAUTOCLAIM", []any{"3-1", 1, "2-1"})([]any{next, len(messages), messages[0].ID}, err)
	c.same("XCLAIM", []string{"3-1"})(messageIDs(r.XClaim(ctx, &redis.XClaimArgs{Stream: x, Group: "g", Consumer: "c2", Messages: []string{"3-1"}}).Result()))
	about, err := r.XInfoStream(ctx, x).Result()
	if err == nil {
		c.same("XINFO STREAM", []any{int64(5), "5-1", int64(1), "1-1"})([]any{about.Length, about.LastGeneratedID, about.Groups, about.FirstEntry.ID}, nil)
	} else {
		c.same("XINFO STREAM", nil)(nil, err)
	}
	groups := []redis.XInfoGroup{{Name: "g", Consumers: 2, Pending: 2, LastDeliveredID: "3-1", EntriesRead: 3, Lag: 2}}
	c.same("XINFO GROUPS", groups)(of(r.XInfoGroups(ctx, x).Result()))
	consumers, err := r.XInfoConsumers(ctx, x, "g").Result()
	if err == nil && len(consumers) == 2 {
		c.same("XINFO CONSUMERS", []any{"c1", int64(0), "c2", int64(2)})([]any{consumers[0].Name, consumers[0].Pending, consumers[1].Name, consumers[1].Pending}, nil)
	} else {
		c.same("XINFO CONSUMERS", nil)(consumers, err)
	}
	full, err := r.XInfoStreamFull(ctx, x, 2).Result()
	if err == nil {
		c.same("XINFO STREAM FULL", []any{2, 1, int64(2)})([]any{len(full.Entries), len(full.Groups), full.Groups[0].PelCount}, nil)
	} else {
		c.same("XINFO STREAM FULL", nil)(nil, err)
	}
	c.same("XREADGROUP of the rest", []string{"4-1", "5-1"})(ids(read(r, "c1", 0, -1)))
	meanwhile(func() { c.same("XREADGROUP BLOCK", []string{"6-1"})(ids(read(other, "c3", 0, 10*time.Second))) },
		func() { r.XAdd(ctx, &redis.XAddArgs{Stream: x, ID: "6-1", Values: []any{"n", 6}}) })
	meanwhile(func() {
		c.same("XREAD BLOCK", []string{"7-1"})(ids(other.XRead(ctx, &redis.XReadArgs{Streams: []string{x, "$"}, Block: 10 * time.Second}).Result()))
	}, func() { r.XAdd(ctx, &redis.XAddArgs{Stream: x, ID: "7-1", Values: []any{"n", 7}}) })
	c.same("XTRIM", int64(5))(of(r.XTrimMaxLen(ctx, x, 2).Result()))
}

func checkPlaces(ctx context.Context, c *checks, r redis.UniversalClient) {
	for n := 0; n < 100; n++ {
		r.PFAdd(ctx, key("p"), n)
	}
	c.same("PFMERGE", "OK")(of(r.PFMerge(ctx, key("p2"), key("p")).Result()))
	count, err := r.PFCount(ctx, key("p2")).Result()
	c.same("PFCOUNT", true)(count >= 98 && count <= 102, err)
	palermo := &redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556}
	catania := &redis.GeoLocation{Name: "Catania", Longitude: 15.087269, Latitude: 37.502669}
	c.same("GEOADD", int64(2))(of(r.GeoAdd(ctx, key("geo"), palermo, catania).Result()))
	c.same("GEODIST", 166.2742)(of(r.GeoDist(ctx, key("geo"), "Palermo", "Catania", "km").Result()))
	c.same("GEOHASH", []string{"sqc8b49rny0"})(of(r.GeoHash(ctx, key("geo"), "Palermo").Result()))
	near := &redis.GeoSearchQuery{Longitude: 15, Latitude: 37, Radius: 200, RadiusUnit: "km", Sort: "ASC"}
	c.same("GEOSEARCH", []string{"Catania", "Palermo"})(of(r.GeoSearch(ctx, key("geo"), near).Result()))
}

func checkGeneric(ctx context.Context, c *checks, r redis.UniversalClient) {
	c.same("RPUSH", int64(3))(of(r.RPush(ctx, key("sort"), 3, 1, 2).Result()))
	c.same("SORT", []string{"3", "2"})(of(r.Sort(ctx, key("sort"), &redis.Sort{Count: 2, Order: "DESC"}).Result()))
	c.same("SORT STORE", int64(3))(of(r.SortStore(ctx, key("sort"), key("sorted"), &redis.Sort{}).Result()))
	for _, name := range []string{"s", "l", "set", "h", "z", "x", "p"} {
		body, err := r.Dump(ctx, key(name)).Result()
		c.same("DUMP of "+name, true)(body != "", err)
		c.same("RESTORE of "+name, "OK")(of(r.RestoreReplace(ctx, key("copy"), 100*time.Second, body).Result()))
		c.same("TYPE of restored "+name, r.Type(ctx, key(name)).Val())(of(r.Type(ctx, key("copy")).Result()))
	}
	c.same("COPY", int64(1))(of(r.Copy(ctx, key("h"), key("copy"), 0, true).Result()))
	c.same("HGETALL of a copy", r.HGetAll(ctx, key("h")).Val())(of(r.HGetAll(ctx, key("copy")).Result()))
}

// A cluster's nodes do not pass messages on yet: there the channel is a shard's.
func checkChannels(ctx context.Context, c *checks, r redis.UniversalClient, cluster bool) {
	subscribe, publish := r.Subscribe, r.Publish
	if cluster {
		subscribe, publish = r.SSubscribe, r.SPublish
	}
	subscription := subscribe(ctx, key("channel"))
	defer subscription.Close()
	_, err := subscription.Receive(ctx)
	c.same("SUBSCRIBE", nil)(nil, err)
	c.same("PUBLISH", int64(1))(of(publish(ctx, key("channel"), "hello").Result()))
	message, err := subscription.ReceiveMessage(ctx)
	if err == nil {
		c.same("a message", []string{key("channel"), "hello"})([]string{message.Channel, message.Payload}, nil)
	} else {
		c.same("a message", nil)(nil, err)
	}
}

func checkTransactions(ctx context.Context, c *checks, r redis.UniversalClient) {
	results, err := r.TxPipelined(ctx, func(t redis.Pipeliner) error {
		t.Set(ctx, key("t"), 1, 0)
		t.Incr(ctx, key("t"))
		t.ZAdd(ctx, key("tz"), redis.Z{Score: 1, Member: "m"})
		return nil
	})
	c.same("EXEC", []any{3, int64(2)})([]any{len(results), results[1].(*redis.IntCmd).Val()}, err)
	err = r.(watcher).Watch(ctx, func(t *redis.Tx) error {
		r.Set(ctx, key("t"), 10, 0)
		_, err := t.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key("t"), 3, 0).Err() })
		return err
	}, key("t"))
	c.same("EXEC after a change of what was watched", true)(errors.Is(err, redis.TxFailedErr), nil)
	c.same("GET after an aborted EXEC", "10")(of(r.Get(ctx, key("t")).Result()))
	results, err = r.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, key("t"), "text", 0)
		p.LPush(ctx, key("t"), 1)
		p.Get(ctx, key("t"))
		return nil
	})
	c.refused("an error within a pipeline", "WRONGTYPE", err)
	c.same("what follows an error in a pipeline", "text")(results[2].(*redis.StringCmd).Val(), nil)
}

func checkIterators(ctx context.Context, c *checks, r redis.UniversalClient) {
	numbers := make([]string, 1000)
	results, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range numbers {
			numbers[n] = strconv.Itoa(n)
			p.HSet(ctx, key("big-h"), n, n)
			p.SAdd(ctx, key("big-s"), n)
			p.ZAdd(ctx, key("big-z"), redis.Z{Score: float64(n), Member: n})
		}
		return nil
	})
	c.same("a pipeline", 3000)(len(results), err)
	sort.Strings(numbers)
	collect := func(iterator *redis.ScanIterator, step int) ([]string, error) {
		var list []string
		for n := 0; iterator.Next(ctx); n++ {
			if n%step == 0 {
				list = append(list, iterator.Val())
			}
		}
		return list, iterator.Err()
	}
	c.same("HSCAN", numbers)(sorted(collect(r.HScan(ctx, key("big-h"), 0, "", 50).Iterator(), 2)))
	c.same("SSCAN", numbers)(sorted(collect(r.SScan(ctx, key("big-s"), 0, "", 0).Iterator(), 1)))
	c.same("ZSCAN", numbers)(sorted(collect(r.ZScan(ctx, key("big-z"), 0, "", 0).Iterator(), 2)))
	names := make([]string, 300)
	for n := range names {
		names[n] = fmt.Sprintf("{go-redis%d}:scan", n)
		r.Set(ctx, names[n], n, 0)
	}
	sort.Strings(names)
	c.same("SCAN", names)(sorted(scan(ctx, r, "{go-redis*}:scan", "")))
	c.same("SCAN TYPE", []string{key("x")})(sorted(scan(ctx, r, "{go-redis}*", "stream")))
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json: every rule of validate.c by one document that breaks it and, where a mistake is near, one
 * that does not; malformed documents that other runtimes have been seen to accept; the complete
 * document; the entry points. Apostrophes stand for quotation marks.
 */
#include "../../oci/config.h"

#include "../../oci/json.h"
#include "../../oci/names.h"
#include "../../runtime/base/util.h"
#include "tap.h"

#define TOP(x) "{'ociVersion':'1.3.0','root':{'path':'r'}" x "}"
#define PROC(x) TOP(",'process':{'cwd':'/','args':['a']" x "}")
#define LINUX(x) TOP(",'linux':{'namespaces':[{'type':'mount'},{'type':'pid'}]" x "}")
#define NS(types, x) TOP(",'linux':{'namespaces':[" types "]" x "}")
#define RES(x) LINUX(",'resources':{" x "}")
#define SECCOMP(x) LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_ERRNO'" x "}")
#define RULE(x) SECCOMP(",'syscalls':[{'names':['open']" x "}]")
#define MAP(c, h, n) "{'containerID':" #c ",'hostID':" #h ",'size':" #n "}"
#define MNT(x) TOP(",'mounts':[{'destination':'/d'" x "}]")
#define SYSCTL(types, key, value) NS(types, ",'sysctl':{'" key "':'" value "'}")
#define SCHED(x) PROC(",'scheduler':{" x "}")
#define VM(x) TOP(",'vm':{" x "}")
#define X10 "xxxxxxxxxx"
#define X64 X10 X10 X10 X10 X10 X10 "xxxx"

/* The message after "c:LINE:COLUMN: "; NULL: the document is accepted. */
struct row { const char *doc, *want; };

static const struct row top_rows[] = {
	{ TOP(""), NULL },
	{ "{}", "ociVersion: is missing" },
	{ "{'root':{'path':'r'}}", "ociVersion: is missing" },
	{ "{'ociVersion':'1.0.0'}", "root: is missing" },
	{ "{'ociVersion':'1.0.0','root':null}", "root: is missing" },
	{ "{'ociVersion':'1.0.0','root':{}}", "root.path: is missing" },
	{ "{'ociVersion':'1.0.0','root':{'path':''}}", "root.path: must not be empty" },
	{ "{'ociVersion':'1.0.2-dev','root':{'path':'r'}}", NULL },
	{ "{'ociVersion':'1.99.0-rc.1+dev.7','root':{'path':'r'}}", NULL },
	{ "{'ociVersion':'1.0','root':{'path':'r'}}",
	  "ociVersion: must be a semantic version such as 1.3.0" },
	{ "{'ociVersion':'1.0.0-','root':{'path':'r'}}",
	  "ociVersion: must be a semantic version such as 1.3.0" },
	{ "{'ociVersion':'1.0.0-01','root':{'path':'r'}}",
	  "ociVersion: must be a semantic version such as 1.3.0" },
	{ "{'ociVersion':'01.0.0','root':{'path':'r'}}",
	  "ociVersion: must be a semantic version such as 1.3.0" },
	{ "{'ociVersion':'','root':{'path':'r'}}", "ociVersion: must be a semantic version such as 1.3.0" },
	{ "{'ociVersion':'2.0.0','root':{'path':'r'}}",
	  "ociVersion: this major version is not supported, 1 is" },
	{ "{'ociVersion':'0.9.0','root':{'path':'r'}}",
	  "ociVersion: this major version is not supported, 1 is" },
	{ "{'ociVersion':'11.0.0','root':{'path':'r'}}",
	  "ociVersion: this major version is not supported, 1 is" },
	{ TOP(",'windows':{}"), "the only platform section is for another operating system" },
	{ TOP(",'freebsd':{'jail':{}}"), "the only platform section is for another operating system" },
	{ TOP(",'solaris':null"), NULL },
	{ TOP(",'windows':{'a':1},'linux':{}"), NULL },
	{ TOP(",'annotations':{'':'x'}"), "annotations[\"\"]: the name must not be empty" },
	{ TOP(",'annotations':{'a':''}"), NULL },
	{ TOP(",'annotations':{'a':1}"), "annotations[\"a\"]: must be a string, not a number" },
	{ TOP(",'hostname':'h'"), "hostname: needs a uts namespace in linux.namespaces" },
	{ TOP(",'hostname':'h','linux':{'namespaces':[{'type':'uts','path':'/n'}]}"), NULL },
	{ TOP(",'hostname':''"), NULL },
	{ TOP(",'domainname':'h','linux':{}"), "domainname: needs a uts namespace in linux.namespaces" },
	{ TOP(",'hostname':'" X64 "','linux':{'namespaces':[{'type':'uts'}]}"), NULL },
	{ TOP(",'hostname':'" X64 "x','linux':{'namespaces':[{'type':'uts'}]}"),
	  "hostname: must not be longer than 64 bytes" },
	{ TOP(",'hooks':{'prestart':[{'path':'/h'}]}"), NULL },
	{ TOP(",'hooks':{'poststop':[{'path':'/h'},{'path':'h'}]}"),
	  "hooks.poststop[1].path: must be an absolute path" },
	{ TOP(",'hooks':{'createRuntime':[{'path':''}]}"),
	  "hooks.createRuntime[0].path: must be an absolute path" },
	{ TOP(",'hooks':{'createRuntime':[{}]}"), "hooks.createRuntime[0].path: is missing" },
	{ TOP(",'hooks':{'poststart':[{'path':'/h','timeout':0}]}"),
	  "hooks.poststart[0].timeout: must be greater than zero" },
	{ TOP(",'hooks':{'startContainer':[{'path':'/h','timeout':-1}]}"),
	  "hooks.startContainer[0].timeout: must be greater than zero" },
};

static const struct row process_rows[] = {
	{ PROC(""), NULL },
	{ TOP(",'process':{'args':['a']}"), "process.cwd: is missing" },
	{ TOP(",'process':{'cwd':'tmp','args':['a']}"), "process.cwd: must be an absolute path" },
	{ TOP(",'process':{'cwd':'','args':['a']}"), "process.cwd: must be an absolute path" },
	{ TOP(",'process':{'cwd':'/','args':[]}"), "process.args: must not be empty" },
	{ TOP(",'process':{'cwd':'/'}"), "process.args: must not be empty" },
	{ TOP(",'process':{'cwd':'/','args':['']}"), NULL },
	{ PROC(",'env':['A=','B=1=2']"), NULL },
	{ PROC(",'env':['A=1','B']"), "process.env[1]: must have the form NAME=VALUE" },
	{ PROC(",'env':['=1']"), "process.env[0]: must have the form NAME=VALUE" },
	{ PROC(",'env':['']"), "process.env[0]: must have the form NAME=VALUE" },
	{ PROC(",'user':{'uid':0}"), "process.user.gid: is missing" },
	{ PROC(",'user':{'uid':4294967295,'gid':0}"), "process.user.uid: 4294967295 is not an id" },
	{ PROC(",'user':{'uid':0,'gid':4294967295}"), "process.user.gid: 4294967295 is not an id" },
	{ PROC(",'user':{'uid':0,'gid':0,'additionalGids':[1,4294967295]}"),
	  "process.user.additionalGids[1]: 4294967295 is not an id" },
	{ PROC(",'user':{'uid':4294967296,'gid':0}"), "process.user.uid: must be between 0 and 4294967295" },
	{ PROC(",'user':{'uid':-1,'gid':0}"), "process.user.uid: must be between 0 and 4294967295" },
	{ PROC(",'user':{'uid':0,'gid':0,'umask':511}"), NULL },
	{ PROC(",'user':{'uid':0,'gid':0,'umask':512}"),
	  "process.user.umask: must not be larger than 511 (0777)" },
	{ PROC(",'consoleSize':{'height':65536,'width':1}"), NULL },
	{ PROC(",'terminal':true,'consoleSize':{'height':65536,'width':1}"),
	  "process.consoleSize.height: must not be larger than 65535" },
	{ PROC(",'terminal':true,'consoleSize':{'height':1,'width':65536}"),
	  "process.consoleSize.width: must not be larger than 65535" },
	{ PROC(",'consoleSize':{'height':1}"), "process.consoleSize.width: is missing" },
	{ PROC(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':2},{'type':'RLIMIT_CPU','soft':2,'hard':2}]"), NULL },
	{ PROC(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':2},{'type':'RLIMIT_NOFILE','soft':1,'hard':2}]"),
	  "process.rlimits[1].type: RLIMIT_NOFILE is listed twice" },
	{ PROC(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':3,'hard':2}]"),
	  "process.rlimits[0].soft: must not be larger than the hard limit" },
	{ PROC(",'rlimits':[{'type':'RLIMIT_FOO','soft':3,'hard':2}]"),
	  "process.rlimits[0].type: unknown resource limit \"RLIMIT_FOO\"" },
	{ PROC(",'rlimits':[{'type':'RLIMIT_CPU','hard':2}]"), "process.rlimits[0].soft: is missing" },
	{ PROC(",'capabilities':{'bounding':['CAP_FUTURE','nonsense']}"), NULL },
	{ PROC(",'oomScoreAdj':1000"), NULL },
	{ PROC(",'oomScoreAdj':1001"), "process.oomScoreAdj: must be between -1000 and 1000" },
	{ PROC(",'ioPriority':{'class':'IOPRIO_CLASS_RT'}"), NULL },
	{ PROC(",'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':8}"),
	  "process.ioPriority.priority: must be between 0 and 7" },
	{ PROC(",'ioPriority':{'class':'IOPRIO_CLASS_NONE','priority':1}"),
	  "process.ioPriority.class: unknown I/O priority class \"IOPRIO_CLASS_NONE\"" },
	{ PROC(",'ioPriority':{'priority':1}"), "process.ioPriority.class: is missing" },
	{ PROC(",'execCPUAffinity':{'initial':'0-3,5','final':''}"), NULL },
	{ PROC(",'execCPUAffinity':{'initial':'3-1'}"),
	  "process.execCPUAffinity.initial: must be a list of numbers and ranges, such as 0-3,8" },
	{ PROC(",'execCPUAffinity':{'final':'1,'}"),
	  "process.execCPUAffinity.final: must be a list of numbers and ranges, such as 0-3,8" },
	{ PROC(",'execCPUAffinity':{'final':'1-2-3'}"),
	  "process.execCPUAffinity.final: must be a list of numbers and ranges, such as 0-3,8" },
	{ SCHED("'policy':'SCHED_OTHER','nice':-20"), NULL },
	{ SCHED("'policy':'SCHED_BATCH','nice':20"), "process.scheduler.nice: must be between -20 and 19" },
	{ SCHED("'policy':'SCHED_FIFO','nice':1,'priority':1"),
	  "process.scheduler.nice: needs policy SCHED_OTHER or SCHED_BATCH" },
	{ SCHED("'policy':'SCHED_RR','priority':99"), NULL },
	{ SCHED("'policy':'SCHED_RR','priority':100"),
	  "process.scheduler.priority: must be between 1 and 99" },
	{ SCHED("'policy':'SCHED_FIFO'"), "process.scheduler.priority: must be between 1 and 99" },
	{ SCHED("'policy':'SCHED_IDLE','priority':1"),
	  "process.scheduler.priority: needs policy SCHED_FIFO or SCHED_RR" },
	{ SCHED("'policy':'SCHED_ISO'"), "process.scheduler.policy: SCHED_ISO is not implemented by Linux" },
	{ SCHED("'policy':'SCHED_X'"), "process.scheduler.policy: unknown scheduling policy \"SCHED_X\"" },
	{ SCHED("'nice':1"), "process.scheduler.policy: is missing" },
	{ SCHED("'policy':'SCHED_OTHER','flags':['SCHED_FLAG_UTIL_CLAMP_MIN']"),
	  "process.scheduler.flags[0]: needs a value that the specification has no member for" },
	{ SCHED("'policy':'SCHED_OTHER','runtime':5000"),
	  "process.scheduler: runtime, deadline and period need policy SCHED_DEADLINE" },
	{ SCHED("'policy':'SCHED_DEADLINE','runtime':1024,'deadline':1024"), NULL },
	{ SCHED("'policy':'SCHED_DEADLINE','runtime':1023,'deadline':2000"),
	  "process.scheduler.runtime: must be at least 1024" },
	{ SCHED("'policy':'SCHED_DEADLINE','runtime':3000,'deadline':2000"),
	  "process.scheduler.deadline: must not be smaller than runtime" },
	{ SCHED("'policy':'SCHED_DEADLINE','runtime':2000,'deadline':3000,'period':2500"),
	  "process.scheduler.period: must not be smaller than deadline" },
	{ SCHED("'policy':'SCHED_DEADLINE','runtime':2000,'deadline':9223372036854775808"),
	  "process.scheduler.deadline: must be smaller than 2^63" },
};

static const struct row linux_rows[] = {
	{ TOP(",'linux':{}"), NULL },
	{ NS("{'type':'pid'},{'type':'pid'}", ""), "linux.namespaces[1].type: pid is listed twice" },
	{ NS("{'type':'net'}", ""), "linux.namespaces[0].type: unknown namespace type \"net\"" },
	{ NS("{'path':'/x'}", ""), "linux.namespaces[0].type: is missing" },
	{ NS("{'type':'pid','path':'x'}", ""), "linux.namespaces[0].path: must be an absolute path" },
	{ NS("{'type':'pid','path':''}", ""), NULL },
	{ NS("{'type':'user'}", ""), NULL },
	{ NS("{'type':'user'}", ",'uidMappings':[" MAP(0, 1, 10) "," MAP(10, 11, 1) "]"), NULL },
	{ LINUX(",'uidMappings':[" MAP(0, 1, 10) "]"),
	  "linux.uidMappings: needs a user namespace in linux.namespaces" },
	{ LINUX(",'gidMappings':[" MAP(0, 1, 10) "]"),
	  "linux.gidMappings: needs a user namespace in linux.namespaces" },
	{ NS("{'type':'user'}", ",'uidMappings':[" MAP(0, 1, 0) "]"),
	  "linux.uidMappings[0].size: must not be 0" },
	{ NS("{'type':'user'}", ",'uidMappings':[" MAP(1, 0, 4294967295) "]"),
	  "linux.uidMappings[0].size: reaches beyond the last id" },
	{ NS("{'type':'user'}", ",'uidMappings':[" MAP(0, 1, 4294967295) "]"),
	  "linux.uidMappings[0].size: reaches beyond the last id" },
	{ NS("{'type':'user'}", ",'uidMappings':[" MAP(0, 0, 4294967295) "]"), NULL },
	{ NS("{'type':'user'}", ",'gidMappings':[" MAP(0, 1, 10) "," MAP(9, 100, 1) "]"),
	  "linux.gidMappings[1]: overlaps with entry 0" },
	{ NS("{'type':'user'}", ",'gidMappings':[" MAP(0, 1, 10) "," MAP(100, 10, 1) "]"),
	  "linux.gidMappings[1]: overlaps with entry 0" },
	{ NS("{'type':'user'}", ",'gidMappings':[{'containerID':0,'hostID':1}]"),
	  "linux.gidMappings[0].size: is missing" },
	{ NS("{'type':'time'}", ",'timeOffsets':{'monotonic':{'secs':-1},'boottime':{}}"), NULL },
	{ NS("{'type':'time'}", ",'timeOffsets':{'realtime':{}}"),
	  "linux.timeOffsets[\"realtime\"]: unknown clock, monotonic and boottime have offsets" },
	{ NS("{'type':'time','path':'/n'}", ",'timeOffsets':{'boottime':{}}"),
	  "linux.timeOffsets[\"boottime\"]: needs a new time namespace in linux.namespaces" },
	{ LINUX(",'timeOffsets':{'boottime':{}}"),
	  "linux.timeOffsets[\"boottime\"]: needs a new time namespace in linux.namespaces" },
	{ NS("{'type':'time'}", ",'timeOffsets':{'boottime':{'nanosecs':1000000000}}"),
	  "linux.timeOffsets[\"boottime\"].nanosecs: must be smaller than 1000000000" },
	{ LINUX(",'devices':[{'type':'p','path':'/dev/p'}]"), NULL },
	{ LINUX(",'devices':[{'type':'x','path':'/dev/p'}]"),
	  "linux.devices[0].type: unknown device type \"x\"" },
	{ LINUX(",'devices':[{'type':'c','path':'','major':1,'minor':1}]"),
	  "linux.devices[0].path: must be an absolute path" },
	{ LINUX(",'devices':[{'type':'c','path':'dev/x','major':1,'minor':1}]"),
	  "linux.devices[0].path: must be an absolute path" },
	{ LINUX(",'devices':[{'type':'c','path':'/x','minor':1}]"), "linux.devices[0].major: is missing" },
	{ LINUX(",'devices':[{'type':'u','path':'/x','major':1}]"), "linux.devices[0].minor: is missing" },
	{ LINUX(",'devices':[{'type':'b','path':'/x','major':-1,'minor':1}]"),
	  "linux.devices[0].major: must be between 0 and 4095" },
	{ LINUX(",'devices':[{'type':'b','path':'/x','major':1,'minor':1048576}]"),
	  "linux.devices[0].minor: must be between 0 and 1048575" },
	{ LINUX(",'devices':[{'type':'p','path':'/x','fileMode':8630}]"),
	  "linux.devices[0].fileMode: must not be larger than 4095 (07777)" },
	{ LINUX(",'devices':[{'type':'p','path':'/x','uid':4294967295}]"),
	  "linux.devices[0].uid: 4294967295 is not an id" },
	{ LINUX(",'devices':[{'type':'p','path':'/x','gid':4294967295}]"),
	  "linux.devices[0].gid: 4294967295 is not an id" },
	{ NS("{'type':'network'}", ",'netDevices':{'eth0':{},'eth1':{'name':'c%d'}}"), NULL },
	{ LINUX(",'netDevices':{'eth0':{}}"), NULL },
	{ NS("{'type':'network'}", ",'netDevices':{'':{}}"),
	  "linux.netDevices[\"\"]: is not the name of a network interface" },
	{ NS("{'type':'network'}", ",'netDevices':{'a b':{}}"),
	  "linux.netDevices[\"a b\"]: is not the name of a network interface" },
	{ NS("{'type':'network'}", ",'netDevices':{'xxxxxxxxxxxxxxxx':{}}"),
	  "linux.netDevices[\"xxxxxxxxxxxxxxxx\"]: is not the name of a network interface" },
	{ NS("{'type':'network'}", ",'netDevices':{'e':{'name':'..'}}"),
	  "linux.netDevices[\"e\"].name: is not the name of a network interface" },
	{ NS("{'type':'network'}", ",'netDevices':{'e':{'name':'a/b'}}"),
	  "linux.netDevices[\"e\"].name: is not the name of a network interface" },
	{ NS("{'type':'network'}", ",'netDevices':{'e':{'name':'a%s'}}"),
	  "linux.netDevices[\"e\"].name: is not the name of a network interface" },
	{ LINUX(",'cgroupsPath':'/a/../b'"), "linux.cgroupsPath: must not contain \"..\"" },
	{ LINUX(",'cgroupsPath':'..'"), "linux.cgroupsPath: must not contain \"..\"" },
	{ LINUX(",'cgroupsPath':'/a/..b/c..'"), NULL },
	{ LINUX(",'cgroupsPath':'system.slice:ctr:id'"), NULL },
	{ LINUX(",'rootfsPropagation':'rprivate'"), NULL },
	{ LINUX(",'rootfsPropagation':''"), NULL },
	{ LINUX(",'rootfsPropagation':'rbind'"), "linux.rootfsPropagation: unknown propagation \"rbind\"" },
	{ LINUX(",'maskedPaths':['/proc/kcore']"), NULL },
	{ LINUX(",'maskedPaths':['proc/kcore']"), "linux.maskedPaths[0]: must be an absolute path" },
	{ LINUX(",'readonlyPaths':['/a','']"), "linux.readonlyPaths[1]: must be an absolute path" },
	{ NS("{'type':'pid'}", ",'maskedPaths':['/p']"),
	  "linux.maskedPaths: needs a mount namespace in linux.namespaces" },
	{ NS("{'type':'pid'}", ",'readonlyPaths':['/p']"),
	  "linux.readonlyPaths: needs a mount namespace in linux.namespaces" },
	{ LINUX(",'intelRdt':{}"), NULL },
	{ LINUX(",'intelRdt':{'closID':'/'}"), NULL },
	{ LINUX(",'intelRdt':{'closID':'..'}"),
	  "linux.intelRdt.closID: must be \"/\" or the name of a directory" },
	{ LINUX(",'intelRdt':{'closID':'a/b'}"),
	  "linux.intelRdt.closID: must be \"/\" or the name of a directory" },
	{ LINUX(",'intelRdt':{'l3CacheSchema':'L3:0=f\\n'}"),
	  "linux.intelRdt.l3CacheSchema: must not contain a newline" },
	{ LINUX(",'intelRdt':{'memBwSchema':'MB:\\n'}"),
	  "linux.intelRdt.memBwSchema: must not contain a newline" },
	{ LINUX(",'intelRdt':{'memBwSchema':'L3:'}"), "linux.intelRdt.memBwSchema: must begin with \"MB:\"" },
	{ LINUX(",'intelRdt':{'schemata':['L3:','a\\nb']}"),
	  "linux.intelRdt.schemata[1]: must not contain a newline" },
	{ LINUX(",'intelRdt':{'enableCMT':true}"), NULL },
	{ LINUX(",'memoryPolicy':{}"), "linux.memoryPolicy.mode: is missing" },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_DEFAULT','nodes':''}"), NULL },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0'}"),
	  "linux.memoryPolicy.nodes: must be empty for this mode" },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_BIND'}"),
	  "linux.memoryPolicy.nodes: must not be empty for this mode" },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_PREFERRED'}"), NULL },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_BIND','nodes':'x'}"),
	  "linux.memoryPolicy.nodes: must be a list of numbers and ranges, such as 0-3,8" },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES','MPOL_F_RELATIVE_NODES']}"),
	  "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other" },
	{ LINUX(",'memoryPolicy':{'mode':'MPOL_INTERLEAVE','nodes':'0','flags':['MPOL_F_NUMA_BALANCING']}"),
	  "linux.memoryPolicy.flags: MPOL_F_NUMA_BALANCING needs mode MPOL_BIND or MPOL_PREFERRED_MANY" },
	{ LINUX(",'personality':{'domain':'LINUX32','flags':[]}"), NULL },
	{ LINUX(",'personality':{'domain':'BSD'}"),
	  "linux.personality.domain: unknown execution domain \"BSD\"" },
	{ LINUX(",'personality':{}"), "linux.personality.domain: is missing" },
	{ LINUX(",'personality':{'domain':'LINUX','flags':['x']}"),
	  "linux.personality.flags: must be empty: the specification defines no flag" },
	/* mounts */
	{ MNT(""), NULL },
	{ TOP(",'mounts':[{'source':'/d'}]"), "mounts[0].destination: is missing" },
	{ TOP(",'mounts':[{'destination':''}]"), "mounts[0].destination: must not be empty" },
	{ TOP(",'mounts':[{'destination':'relative'}]"), NULL },
	{ MNT(",'uidMappings':[" MAP(0, 1, 1) "]"),
	  "mounts[0]: has only one of uidMappings and gidMappings" },
	{ MNT(",'gidMappings':[" MAP(0, 1, 1) "],'uidMappings':[]"),
	  "mounts[0]: has only one of uidMappings and gidMappings" },
	{ MNT(",'uidMappings':[" MAP(0, 1, 1) "],'gidMappings':[" MAP(0, 1, 0) "]"),
	  "mounts[0].gidMappings[0].size: must not be 0" },
	{ MNT(",'options':['ro','ridmap']"),
	  "mounts[0].options[1]: needs uidMappings and gidMappings, or a user namespace" },
	{ TOP(",'mounts':[{'destination':'/d','options':['idmap']}],'linux':{'namespaces':[{'type':'user'}]}"), NULL },
	{ MNT(",'options':['idmap'],'uidMappings':[" MAP(0, 1, 1) "],'gidMappings':[" MAP(0, 1, 1) "]"), NULL },
	/* sysctl */
	{ SYSCTL("{'type':'network'}", "net.ipv4.ip_forward", "1"), NULL },
	{ SYSCTL("{'type':'network'}", "net/ipv4/conf/eth0.1/forwarding", "1"), NULL },
	{ SYSCTL("{'type':'network'}", "net.ipv4.conf.eth0/1.forwarding", "1"), NULL },
	{ SYSCTL("{'type':'ipc'}", "net.ipv4.ip_forward", "1"),
	  "linux.sysctl[\"net.ipv4.ip_forward\"]: needs a namespace of type network in linux.namespaces" },
	{ SYSCTL("{'type':'ipc'}", "kernel.shm_rmid_forced", "1"), NULL },
	{ SYSCTL("{'type':'ipc'}", "fs.mqueue.msg_max", "1"), NULL },
	{ SYSCTL("{'type':'pid'}", "kernel.sem", "1 2 3 4"),
	  "linux.sysctl[\"kernel.sem\"]: needs a namespace of type ipc in linux.namespaces" },
	{ SYSCTL("{'type':'user'}", "user.max_user_namespaces", "1"), NULL },
	{ SYSCTL("{'type':'uts'}", "kernel.domainname", "d"), NULL },
	{ SYSCTL("{'type':'ipc'}", "kernel.panic", "1"),
	  "linux.sysctl[\"kernel.panic\"]: does not belong to a namespace, so it would change the host" },
	{ SYSCTL("{'type':'ipc'}", "kernel.sem_", "1"),
	  "linux.sysctl[\"kernel.sem_\"]: does not belong to a namespace, so it would change the host" },
	{ SYSCTL("{'type':'network'}", "net..x", "1"),
	  "linux.sysctl[\"net..x\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "/net/x", "1"),
	  "linux.sysctl[\"/net/x\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "net/../kernel/panic", "1"),
	  "linux.sysctl[\"net/../kernel/panic\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "net.//.kernel.panic", "1"),
	  "linux.sysctl[\"net.//.kernel.panic\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "net/x/", "1"),
	  "linux.sysctl[\"net/x/\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "", "1"), "linux.sysctl[\"\"]: is not the name of a sysctl" },
	{ SYSCTL("{'type':'network'}", "net.x", "1\\n2"),
	  "linux.sysctl[\"net.x\"]: must not contain a newline" },
	{ TOP(",'hostname':'h','linux':{'namespaces':[{'type':'uts'}],'sysctl':{'kernel.hostname':'x'}}"),
	  "linux.sysctl[\"kernel.hostname\"]: is already set by hostname" },
};

static const struct row resource_rows[] = {
	{ RES(""), NULL },
	{ RES("'blockIO':{},'memory':{},'cpu':{},'pids':{},'network':{},'devices':null"), NULL },
	{ RES("'devices':[{'allow':false,'type':'a','major':-1,'minor':-1,'access':'rwm'},{'allow':true,'type':''}]"), NULL },
	{ RES("'devices':[{'access':'rwm'}]"), "linux.resources.devices[0].allow: is missing" },
	{ RES("'devices':[{'allow':true,'type':'p'}]"),
	  "linux.resources.devices[0].type: unknown device type \"p\"" },
	{ RES("'devices':[{'allow':true,'major':-2}]"),
	  "linux.resources.devices[0].major: must not be negative (-1: any)" },
	{ RES("'devices':[{'allow':true,'minor':-2}]"),
	  "linux.resources.devices[0].minor: must not be negative (-1: any)" },
	{ RES("'devices':[{'allow':true,'access':'rx'}]"),
	  "linux.resources.devices[0].access: must be made of the letters r, w and m" },
	{ RES("'devices':[{'allow':true,'access':''}]"),
	  "linux.resources.devices[0].access: must be made of the letters r, w and m" },
	{ RES("'memory':{'limit':-1,'swap':-1,'reservation':-1}"), NULL },
	{ RES("'memory':{'limit':-2}"),
	  "linux.resources.memory.limit: must not be negative (-1: unlimited)" },
	{ RES("'memory':{'reservation':-2}"),
	  "linux.resources.memory.reservation: must not be negative (-1: unlimited)" },
	{ RES("'memory':{'limit':5,'swap':4}"),
	  "linux.resources.memory.swap: is memory plus swap and must not be smaller than limit" },
	{ RES("'memory':{'limit':5,'swap':5}"), NULL },
	{ RES("'memory':{'swap':5}"), "linux.resources.memory.swap: needs limit" },
	{ RES("'memory':{'swap':-2}"), "linux.resources.memory.swap: must not be negative (-1: unlimited)" },
	{ RES("'memory':{'swappiness':101}"),
	  "linux.resources.memory.swappiness: must be between 0 and 100" },
	{ RES("'memory':{'disableOOMKiller':0}"),
	  "linux.resources.memory.disableOOMKiller: must be true or false, not a number" },
	{ RES("'cpu':{'quota':-1,'period':100000,'shares':0,'idle':1}"), NULL },
	{ RES("'cpu':{'idle':2}"), "linux.resources.cpu.idle: must be 0 or 1" },
	{ RES("'cpu':{'idle':1,'shares':2}"), "linux.resources.cpu.shares: cannot be set for an idle group" },
	{ RES("'cpu':{'quota':999}"), "linux.resources.cpu.quota: must be at least 1000 microseconds" },
	{ RES("'cpu':{'period':999}"),
	  "linux.resources.cpu.period: must be between 1000 and 1000000 microseconds" },
	{ RES("'cpu':{'period':1000001}"),
	  "linux.resources.cpu.period: must be between 1000 and 1000000 microseconds" },
	{ RES("'cpu':{'quota':2000,'burst':2001}"),
	  "linux.resources.cpu.burst: must not be larger than quota" },
	{ RES("'cpu':{'cpus':'a'}"),
	  "linux.resources.cpu.cpus: must be a list of numbers and ranges, such as 0-3,8" },
	{ RES("'cpu':{'mems':'0\\n'}"),
	  "linux.resources.cpu.mems: must be a list of numbers and ranges, such as 0-3,8" },
	{ RES("'blockIO':{'weight':0}"), NULL },
	{ RES("'blockIO':{'weight':9}"),
	  "linux.resources.blockIO.weight: must be between 10 and 1000 (0: unset)" },
	{ RES("'blockIO':{'leafWeight':1001}"),
	  "linux.resources.blockIO.leafWeight: must be between 10 and 1000 (0: unset)" },
	{ RES("'blockIO':{'weightDevice':[{'major':1,'minor':1}]}"),
	  "linux.resources.blockIO.weightDevice[0]: must have weight or leafWeight" },
	{ RES("'blockIO':{'weightDevice':[{'major':1,'minor':1,'weight':5}]}"),
	  "linux.resources.blockIO.weightDevice[0].weight: must be between 10 and 1000 (0: unset)" },
	{ RES("'blockIO':{'throttleReadBpsDevice':[{'major':1,'minor':1}]}"),
	  "linux.resources.blockIO.throttleReadBpsDevice[0].rate: is missing" },
	{ RES("'blockIO':{'throttleWriteIOPSDevice':[{'major':1,'minor':-1,'rate':1}]}"),
	  "linux.resources.blockIO.throttleWriteIOPSDevice[0].minor: must be between 0 and 1048575" },
	{ RES("'blockIO':{'throttleWriteBpsDevice':[{'major':4096,'minor':1,'rate':1}]}"),
	  "linux.resources.blockIO.throttleWriteBpsDevice[0].major: must be between 0 and 4095" },
	{ RES("'hugepageLimits':[{'pageSize':'64KB','limit':1},{'pageSize':'1GB','limit':1}]"), NULL },
	{ RES("'hugepageLimits':[{'pageSize':'2M','limit':1}]"),
	  "linux.resources.hugepageLimits[0].pageSize: must be a size such as 2MB or 1GB" },
	{ RES("'hugepageLimits':[{'pageSize':'02MB','limit':1}]"),
	  "linux.resources.hugepageLimits[0].pageSize: must be a size such as 2MB or 1GB" },
	{ RES("'hugepageLimits':[{'pageSize':'2MB/x','limit':1}]"),
	  "linux.resources.hugepageLimits[0].pageSize: must be a size such as 2MB or 1GB" },
	{ RES("'hugepageLimits':[{'pageSize':'2'}]"), "linux.resources.hugepageLimits[0].limit: is missing" },
	{ RES("'network':{'priorities':[{'name':'a b','priority':1}]}"),
	  "linux.resources.network.priorities[0].name: is not the name of a network interface" },
	{ RES("'pids':{'limit':-1}"), NULL },
	{ RES("'pids':{'limit':-2}"), "linux.resources.pids.limit: must not be negative (-1: unlimited)" },
	{ RES("'pids':{'limit':'12'}"), "linux.resources.pids.limit: must be an integer, not a string" },
	{ RES("'rdma':{'mlx5':{}}"), "linux.resources.rdma[\"mlx5\"]: must have hcaHandles or hcaObjects" },
	{ RES("'rdma':{'a b':{'hcaObjects':1}}"),
	  "linux.resources.rdma[\"a b\"]: is not the name of a device" },
	{ RES("'unified':{'memory.high':'1','io.max':'a\\nb'}"), NULL },
	{ RES("'unified':{'../x':'1'}"),
	  "linux.resources.unified[\"../x\"]: is not the name of a cgroup file" },
	{ RES("'unified':{'a/b':'1'}"),
	  "linux.resources.unified[\"a/b\"]: is not the name of a cgroup file" },
	{ RES("'unified':{'':'1'}"), "linux.resources.unified[\"\"]: is not the name of a cgroup file" },
	{ RES("'unified':{'a':1}"), "linux.resources.unified[\"a\"]: must be a string, not a number" },
};

static const struct row seccomp_rows[] = {
	{ SECCOMP(""), NULL },
	{ LINUX(",'seccomp':{}"), "linux.seccomp.defaultAction: is missing" },
	{ LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_NOTIFY'}"),
	  "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default" },
	{ LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1}"),
	  "linux.seccomp.defaultErrnoRet: needs action SCMP_ACT_ERRNO or SCMP_ACT_TRACE" },
	{ SECCOMP(",'defaultErrnoRet':38"), NULL },
	{ SECCOMP(",'defaultErrnoRet':4096"), "linux.seccomp.defaultErrnoRet: must not be larger than 4095" },
	{ SECCOMP(",'architectures':['SCMP_ARCH_Z80']"),
	  "linux.seccomp.architectures[0]: unknown seccomp architecture \"SCMP_ARCH_Z80\"" },
	{ SECCOMP(",'flags':['SECCOMP_FILTER_FLAG_NEW_LISTENER']"),
	  "linux.seccomp.flags[0]: unknown seccomp flag \"SECCOMP_FILTER_FLAG_NEW_LISTENER\"" },
	{ SECCOMP(",'flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']"),
	  "linux.seccomp.flags[1]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY" },
	{ SECCOMP(",'flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],'listenerPath':'/s',"
		  "'syscalls':[{'names':['open'],'action':'SCMP_ACT_NOTIFY'}]"), NULL },
	{ SECCOMP(",'listenerMetadata':'x'"), "linux.seccomp.listenerMetadata: needs listenerPath" },
	{ SECCOMP(",'listenerPath':'/s','listenerMetadata':'x'"), NULL },
	{ RULE(",'action':'SCMP_ACT_ALLOW'"), NULL },
	{ RULE(""), "linux.seccomp.syscalls[0].action: is missing" },
	{ RULE(",'action':'SCMP_ACT_DROP'"),
	  "linux.seccomp.syscalls[0].action: unknown seccomp action \"SCMP_ACT_DROP\"" },
	{ RULE(",'action':'SCMP_ACT_KILL','errnoRet':1"),
	  "linux.seccomp.syscalls[0].errnoRet: needs action SCMP_ACT_ERRNO or SCMP_ACT_TRACE" },
	{ RULE(",'action':'SCMP_ACT_TRACE','errnoRet':65535"), NULL },
	{ RULE(",'action':'SCMP_ACT_TRACE','errnoRet':65536"),
	  "linux.seccomp.syscalls[0].errnoRet: must not be larger than 65535" },
	{ RULE(",'action':'SCMP_ACT_NOTIFY'"),
	  "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY needs listenerPath" },
	{ SECCOMP(",'syscalls':[{'names':[],'action':'SCMP_ACT_LOG'}]"),
	  "linux.seccomp.syscalls[0].names: must not be empty" },
	{ SECCOMP(",'syscalls':[{'action':'SCMP_ACT_LOG'}]"), "linux.seccomp.syscalls[0].names: is missing" },
	{ SECCOMP(",'syscalls':[{'names':['a',''],'action':'SCMP_ACT_LOG'}]"),
	  "linux.seccomp.syscalls[0].names[1]: must not be empty" },
	{ RULE(",'action':'SCMP_ACT_LOG','args':[{'index':5,'value':18446744073709551615,'op':'SCMP_CMP_MASKED_EQ'}]"), NULL },
	{ RULE(",'action':'SCMP_ACT_LOG','args':[{'index':6,'value':1,'op':'SCMP_CMP_EQ'}]"),
	  "linux.seccomp.syscalls[0].args[0].index: must be between 0 and 5" },
	{ RULE(",'action':'SCMP_ACT_LOG','args':[{'index':1,'op':'SCMP_CMP_EQ'}]"),
	  "linux.seccomp.syscalls[0].args[0].value: is missing" },
	{ RULE(",'action':'SCMP_ACT_LOG','args':[{'index':1,'value':1,'op':'SCMP_CMP_XX'}]"),
	  "linux.seccomp.syscalls[0].args[0].op: unknown seccomp operator \"SCMP_CMP_XX\"" },
};

static const struct row vm_rows[] = {
	{ VM("'kernel':{'path':'/k'}"), NULL },
	{ VM(""), "vm.kernel: is missing" },
	{ VM("'kernel':{}"), "vm.kernel.path: is missing" },
	{ VM("'kernel':{'path':'k'}"), "vm.kernel.path: must be an absolute path" },
	{ VM("'kernel':{'path':'/k','initrd':'i'}"), "vm.kernel.initrd: must be an absolute path" },
	{ VM("'kernel':{'path':'/k'},'hypervisor':{}"), "vm.hypervisor.path: is missing" },
	{ VM("'kernel':{'path':'/k'},'hypervisor':{'path':'h'}"),
	  "vm.hypervisor.path: must be an absolute path" },
	{ VM("'kernel':{'path':'/k'},'image':{'path':'i','format':'raw'}"),
	  "vm.image.path: must be an absolute path" },
	{ VM("'kernel':{'path':'/k'},'image':{'path':'/i','format':'iso'}"),
	  "vm.image.format: unknown image format \"iso\"" },
	{ VM("'kernel':{'path':'/k'},'image':{'path':'/i'}"), NULL },
	{ VM("'kernel':{'path':'/k'},'hwConfig':{'vcpus':0}"), "vm.hwConfig.vcpus: must not be 0" },
	{ VM("'kernel':{'path':'/k'},'hwconfig':{'memory':0}"), "vm.hwConfig.memory: must not be 0" },
	{ VM("'kernel':{'path':'/k'},'hwConfig':{'vcpus':-1}"),
	  "vm.hwConfig.vcpus: must be between 0 and 4294967295" },
	{ VM("'kernel':{'path':'/k'},'hwConfig':{'deviceTree':'d'}"),
	  "vm.hwConfig.deviceTree: must be an absolute path" },
	{ VM("'kernel':{'path':'/k'},'hwConfig':{'iomems':[{'firstMFN':1,'nrMFNs':0}]}"),
	  "vm.hwConfig.iomems[0].nrMFNs: must not be 0" },
	{ VM("'kernel':{'path':'/k'},'hwConfig':{'iomems':[{'nrMFNs':1}]}"),
	  "vm.hwConfig.iomems[0].firstMFN: is missing" },
};

/* What crun, runc or a generated parser has been seen to run with, a protection lost. */
static const struct row malformed_rows[] = {
	{ TOP(",'linux':{'namespaces':{'type':'pid'}}"),
	  "linux.namespaces: must be an array, not an object" },
	{ PROC(",'noNewPrivileges':'true'"), "process.noNewPrivileges: must be true or false, not a string" },
	{ PROC(",'noNewPrivileges':1"), "process.noNewPrivileges: must be true or false, not a number" },
	{ "{'ociVersion':'1.0.0','root':{'path':'r','readonly':'true'}}",
	  "root.readonly: must be true or false, not a string" },
	{ LINUX(",'seccomp':[]"), "linux.seccomp: must be an object, not an array" },
	{ SECCOMP(",'syscalls':{}"), "linux.seccomp.syscalls: must be an array, not an object" },
	{ LINUX(",'maskedPaths':'/proc'"), "linux.maskedPaths: must be an array, not a string" },
	{ LINUX(",'maskedPaths':{'0':'/proc'}"), "linux.maskedPaths: must be an array, not an object" },
	{ LINUX(",'maskedPaths':['/proc',7]"), "linux.maskedPaths[1]: must be a string, not a number" },
	{ PROC(",'capabilities':[]"), "process.capabilities: must be an object, not an array" },
	{ PROC(",'capabilities':{'bounding':'CAP_KILL'}"),
	  "process.capabilities.bounding: must be an array, not a string" },
	{ PROC(",'rlimits':[{'type':'RLIMIT_CPU','soft':'7','hard':8}]"),
	  "process.rlimits[0].soft: must be an integer, not a string" },
	{ PROC(",'noNewPrivileges':true,'noNewPrivileges':false"), "process.noNewPrivileges: given twice" },
	{ PROC(",'NoNewPrivileges':true"), NULL },
	{ TOP("") "x", "not JSON: parse error: trailing garbage" },
	{ TOP(",'mounts':[{'destination':'/a\\u0000b'}]"),
	  "mounts[0].destination: must not contain a NUL character" },
	{ TOP(",'process':{'cwd':'/','args':['a\\u0000b']}"),
	  "process.args[0]: must not contain a NUL character" },
	{ PROC(",'user':{'uid':0.9,'gid':0}"),
	  "process.user.uid: must be an integer, without fraction or exponent" },
	{ PROC(",'user':{'uid':'0','gid':0}"), "process.user.uid: must be an integer, not a string" },
	{ TOP(",'process':{'cwd':'/','args':['\xff']}"), "process.args[0]: is not valid UTF-8" },
	{ TOP(",'process':{'cwd':'/','args':['\\ud800']}"),
	  "process.args[0]: contains half of a surrogate pair" },
	{ LINUX(",'maskedPaths':null"), NULL },
	{ TOP(",'PROCESS':{'args':7}"), NULL },
	{ TOP(",'x':NaN"), "not JSON: lexical error: invalid char in json text" },
	{ TOP("/* c */"),
	  "not JSON: lexical error: probable comment found in input text, comments are not enabled" },
	{ TOP(",'ext':{'a':1,'a':2}"), "[\"ext\"][\"a\"]: given twice" },
};

static char text_buf[16384];

static const char *quoted(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i <= n && i < sizeof(text_buf); i++)
		text_buf[i] = s[i] == '\'' ? '"' : s[i];
	return text_buf;
}

/* Behind "c:LINE:COLUMN: ". */
static const char *after_position(const char *line)
{
	for (int i = 0; i < 3 && line; i++) {
		line = strchr(line, ':');
		line = line ? line + 1 : NULL;
	}
	return line && *line == ' ' ? line + 1 : "no position";
}

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct err e = { 0 };
		const struct config *c = NULL;
		const char *text = quoted(rows[i].doc);
		CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
		int r = config_parse(&a, "c", text, strlen(text), &c, &e);
		CHECK_INT(r, rows[i].want ? -EINVAL : 0);
		CHECK((c != NULL) == (r == 0));
		CHECK_STR(r ? after_position(e.text) : "accepted", rows[i].want ? rows[i].want : "accepted");
		if (tap_bad)
			printf("# row %zu: %s\n", i, rows[i].doc);
		arena_done(&a);
	}
}

static void test_top(void) { run_rows(top_rows, ARRAY_SIZE(top_rows)); }
static void test_process(void) { run_rows(process_rows, ARRAY_SIZE(process_rows)); }
static void test_linux(void) { run_rows(linux_rows, ARRAY_SIZE(linux_rows)); }
static void test_resources(void) { run_rows(resource_rows, ARRAY_SIZE(resource_rows)); }
static void test_seccomp(void) { run_rows(seccomp_rows, ARRAY_SIZE(seccomp_rows)); }
static void test_vm(void) { run_rows(vm_rows, ARRAY_SIZE(vm_rows)); }
static void test_malformed(void) { run_rows(malformed_rows, ARRAY_SIZE(malformed_rows)); }

/* Every member of the specification, in the order of the tables. */
static const char complete[] =
#include "config_complete.inc"
	;

static void test_complete(void)
{
	struct arena a;
	struct err e = { 0 };
	const struct config *c = NULL;
	struct strbuf b = { 0 };
	const char *text = quoted(complete);

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	CHECK_INT(config_parse(&a, "c", text, strlen(text), &c, &e), 0);
	CHECK_STR(e.text, "");
	if (c) {
		json_print(&b, &config_json, c, 0);
		CHECK_STR(b.p, text);
		CHECK_STR(config_annotation(c, "a.b"), "c");
		CHECK(config_annotation(c, "a") == NULL);
		CHECK(config_namespace(c, 0x40000000) == &c->linux_->namespaces.v[1]);
		CHECK(c->linux_->seccomp->syscalls.v[0].args.v[0].value == UINT64_MAX);
		CHECK_INT(c->linux_->rootfs_propagation.v, 1 << 19);
	}
	strbuf_done(&b);
	arena_done(&a);
}

static void test_long(void)
{
	struct arena a;
	struct err e = { 0 };
	const struct config *c;
	const struct { size_t n; char c; const char *want; } rows[] = {
		{ 4095, 'a', NULL },
		{ 4096, 'a', "mounts[0].destination: must not be longer than 4095 bytes" },
		{ 512, 0, NULL },
		{ 514, 0, "mounts[0].destination: must not have more than 256 components" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf b = { 0 };
		strbuf_puts(&b, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"");
		for (size_t k = 0; k < rows[i].n; k++)
			strbuf_add(&b, rows[i].c && k ? "a" : k % 2 ? "a" : "/", 1);
		strbuf_puts(&b, "\"}]}");
		CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
		int r = config_parse(&a, "c", b.p, b.n, &c, &e);
		CHECK_INT(r, rows[i].want ? -EINVAL : 0);
		if (r)
			CHECK_STR(after_position(e.text), rows[i].want);
		strbuf_done(&b);
		arena_done(&a);
	}
}

static void test_many_maps(void)
{
	for (size_t n = 340; n <= 341; n++) {
		struct arena a;
		struct err e = { 0 };
		const struct config *c;
		struct strbuf b = { 0 };
		strbuf_puts(&b, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},"
				"\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[");
		for (size_t i = 0; i < n; i++)
			strbuf_printf(&b, "%s{\"containerID\":%zu,\"hostID\":%zu,\"size\":1}", i ? "," : "", i, i);
		strbuf_puts(&b, "]}}");
		CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
		CHECK_INT(config_parse(&a, "c", b.p, b.n, &c, &e), n == 340 ? 0 : -EINVAL);
		if (n == 341)
			CHECK_STR(after_position(e.text), "linux.uidMappings: must not have more than 340 entries");
		strbuf_done(&b);
		arena_done(&a);
	}
}

static void test_parts(void)
{
	struct arena a;
	struct err e = { 0 };
	const struct process *p = NULL;
	const struct resources *r = NULL;

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	const char *text = quoted("{'cwd':'/','args':['a'],\n'env':['A']}");
	CHECK_INT(process_parse(&a, "p.json", text, strlen(text), &p, &e), -EINVAL);
	CHECK_STR(e.text, "p.json:2:8: env[0]: must have the form NAME=VALUE");
	CHECK(p == NULL);
	text = quoted("{'memory':{'swap':5}}");
	CHECK_INT(resources_parse(&a, "-", text, strlen(text), &r, &e), 0);
	CHECK(r && r->memory->swap.v == 5);
	text = quoted("{'pids':{'limit':-2}}");
	CHECK_INT(resources_parse(&a, "-", text, strlen(text), &r, &e), -EINVAL);
	CHECK_STR(e.text, "-:1:18: pids.limit: must not be negative (-1: unlimited)");
	arena_done(&a);
}

static void collect(void *arg, const char *line)
{
	strbuf_puts(arg, line);
	strbuf_puts(arg, "\n");
}

static void test_check(void)
{
	struct arena a;
	struct err e = { 0 };
	struct strbuf b = { 0 };

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	const char *text = quoted("{'ociVersion':'2.0.0','root':{'path':''},\n'process':{'cwd':'x','args':[]}}");
	CHECK_INT(config_check(&a, "c", text, strlen(text), collect, &b, &e), 4);
	CHECK_STR(b.p, "c:1:15: ociVersion: this major version is not supported, 1 is\n"
		       "c:1:38: root.path: must not be empty\n"
		       "c:2:18: process.cwd: must be an absolute path\n"
		       "c:2:29: process.args: must not be empty\n");
	strbuf_done(&b);
	text = quoted("{'ociVersion':1,'process':{'cwd':2}}");
	CHECK_INT(config_check(&a, "c", text, strlen(text), collect, &b, &e), 3);
	CHECK_STR(b.p, "c:1:15: ociVersion: must be a string, not a number\n"
		       "c:1:34: process.cwd: must be a string, not a number\n"
		       "c:1:1: root: is missing\n");
	strbuf_done(&b);
	CHECK_INT(config_check(&a, "c", "{", 1, collect, &b, &e), 1);
	strbuf_done(&b);
	text = quoted(TOP(""));
	CHECK_INT(config_check(&a, "c", text, strlen(text), collect, &b, &e), 0);
	CHECK(b.n == 0);
	arena_done(&a);
}

static void test_names(void)
{
	static const struct { const char *s; int want; } signals[] = {
		{ "KILL", 9 }, { "SIGKILL", 9 }, { "sigterm", 15 }, { "9", 9 }, { "64", 64 }, { "RTMIN", 34 },
		{ "SIGRTMIN+3", 37 }, { "RTMAX-1", 63 }, { "SIGRTMAX", 64 }, { "0", -EINVAL }, { "65", -EINVAL },
		{ "-9", -EINVAL }, { "", -EINVAL }, { "SIG", -EINVAL }, { "RTMIN+31", -EINVAL }, { "9x", -EINVAL },
		{ "SIGSIGKILL", -EINVAL }, { "RTMIN+", -EINVAL }, { "aaaaaaaaaaaaaaaaaaaaaaaaaaa", -EINVAL },
	};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		CHECK_INT(signal_parse(signals[i].s, &e), signals[i].want);
	CHECK_INT(cap_by_name("CAP_CHOWN"), 0);
	CHECK_INT(cap_by_name("CAP_CHECKPOINT_RESTORE"), 40);
	CHECK_INT(cap_by_name("CAP_SYS_ADMIN"), 21);
	CHECK_INT(cap_by_name("cap_chown"), -1);
	CHECK_INT(cap_by_name("CHOWN"), -1);
	CHECK_INT(cap_by_name("0"), -1);
	for (int i = 0; i < cap_count(); i++)
		CHECK_INT(cap_by_name(cap_name(i)), i);
	CHECK_STR(cap_name(21), "CAP_SYS_ADMIN");
	CHECK(cap_name(cap_count()) == NULL && cap_name(-1) == NULL);
	CHECK_STR(name_of(&ns_names, 0x20000), "mount");
	CHECK_STR(name_of(&seccomp_action_names, 0x7fff0000), "SCMP_ACT_ALLOW");
	CHECK(name_find(&ns_names, "mnt") == NULL);
}

static const struct tap_test tests[] = {
	{ "top level, root, hooks", test_top },
	{ "process", test_process },
	{ "linux, mounts, sysctl", test_linux },
	{ "resources", test_resources },
	{ "seccomp", test_seccomp },
	{ "vm", test_vm },
	{ "malformed documents", test_malformed },
	{ "the complete document, read and written", test_complete },
	{ "long destinations", test_long },
	{ "340 id map entries and no more", test_many_maps },
	{ "process and resources alone", test_parts },
	{ "all errors at once", test_check },
	{ "words and signals", test_names },
};
TAP_MAIN("config", tests)

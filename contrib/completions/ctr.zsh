#compdef ctr
# zsh completion for ctr: printed by `ctr completion zsh`.
_ctr_ids() { local -a ids; ids=(${(f)"$(ctr list --quiet 2>/dev/null)"}); _describe container ids }
_ctr()
{
	local state line
	local -a commands
	commands=(
		'create:set up a container from a bundle; `start` then runs its program'
		'start:run the program of a created container'
		'run:create a container and run its program'
		'state:print the state of a container as JSON'
		'kill:send a signal (a number or a name, default TERM; 0\: only ask) to a container'
		'delete:remove a stopped container'
		'list:list containers'
		'ps:list the processes of a container'
		'exec:run another process in a container'
		'pause:stop every process of a container where it is'
		'resume:let the processes of a paused container go on'
		'update:change the limits of a container'
		'checkpoint:write a running container to images, by criu, and end it'
		'restore:make a container from the images of a checkpoint, by criu'
		'spec:write a config.json to start from, or check one'
		'features:print what this build supports as JSON'
		'events:print statistics and memory events of a container as JSON'
		'stats:show what containers use\: CPU, memory, IO, network, pressure'
		'probe:show what this machine can run and what it runs inside of'
		'sandbox:run a command that sees the system read-only and writes only to the current directory'
		'completion:print what a shell needs to complete command lines of ctr'
		'trace:draw a file of --trace\: where the time of a command went, as SVG'
		'vm:make the files that micro-VMs start from, or remove them'
	)
	_arguments -C \
		'--root=[directory of the containers'\'' state]:DIR:_files' \
		'--log=[append errors to FILE]:FILE:_files' \
		'--log-format=[text (default) or json]:FORMAT:_files' \
		'--debug[say what is decided and done\: to the log, or without one to standard error]' \
		'--systemd-cgroup[place containers in systemd scopes]' \
		'--cgroup-manager=[cgroupfs (default), systemd or disabled]:NAME:_files' \
		'--rootless=[auto, true or false; accepted from engines\: what is needed is found out]:WORD:_files' \
		'--isolation=[namespaces (default), vm, or vm,emulate\: a kernel of its own]:WORD:_files' \
		'--version[print the version]' \
		'1:command:->command' '*::arguments:->arguments'
	case $state in
	command) _describe command commands ;;
	arguments)
		case $line[1] in
		create) _arguments \
			'--bundle=[the bundle (default\: .)]:DIR:_files' \
			'--config=[configuration instead of DIR/config.json]:FILE:_files' \
			'--console-socket=[socket that gets the terminal'\''s master]:PATH:_files' \
			'--pid-file=[write the first process'\''s pid to FILE]:FILE:_files' \
			'--pidfd-socket=[socket that gets a pidfd]:PATH:_files' \
			'--no-pivot[move the root mount instead of pivot_root]' \
			'--no-new-keyring[keep the caller'\''s session keyring]' \
			'--preserve-fds=[pass descriptors 3 to 3+N-1 on]:N:_files' \
			'--overlay=[write to memory or to DIR instead of to the root filesystem]:tmpfs|DIR:_files' \
			'--init[pid 1 is a small supervisor, the program its child]' \
			'--dry-run[print the plan as JSON and start nothing]' \
			'--trace=[write where the time went to FILE, for Perfetto or `ctr trace`]:FILE:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		start) _arguments \
			'--trace=[write where the time went to FILE, for Perfetto or `ctr trace`]:FILE:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		run) _arguments \
			'--bundle=[the bundle (default\: .)]:DIR:_files' \
			'--config=[configuration instead of DIR/config.json]:FILE:_files' \
			'--console-socket=[socket that gets the terminal'\''s master]:PATH:_files' \
			'--pid-file=[write the first process'\''s pid to FILE]:FILE:_files' \
			'--pidfd-socket=[socket that gets a pidfd]:PATH:_files' \
			'--no-pivot[move the root mount instead of pivot_root]' \
			'--no-new-keyring[keep the caller'\''s session keyring]' \
			'--preserve-fds=[pass descriptors 3 to 3+N-1 on]:N:_files' \
			'--overlay=[write to memory or to DIR instead of to the root filesystem]:tmpfs|DIR:_files' \
			'--init[pid 1 is a small supervisor, the program its child]' \
			'--dry-run[print the plan as JSON and start nothing]' \
			'--trace=[write where the time went to FILE, for Perfetto or `ctr trace`]:FILE:_files' \
			'--detach[do not wait for the program]' \
			'--keep[do not delete the container afterwards]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		state) _arguments \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		kill) _arguments \
			'--all[every process of the container]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		delete) _arguments \
			'--force[kill what runs; a container that does not exist is no error]' \
			'--strict[only a stopped container, as the specification says\: a created one is left alone]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		list) _arguments \
			'--format=[table (default) or json]:FORMAT:_files' \
			'--quiet[ids only]' \
			'--help[explain this command]' '*::command:_normal' ;;
		ps) _arguments \
			'--format=[table (default) or json]:FORMAT:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		exec) _arguments \
			'--process=[the process object (JSON) to run]:FILE:_files' \
			'--cwd=[working directory in the container]:DIR:_files' \
			'*--env=[add to the environment]:NAME=VALUE:_files' \
			'--tty[give it a terminal]' \
			'--user=[run as these ids of the container]:UID\[\:GID\]:_files' \
			'*--additional-gids=[supplementary group]:GID:_files' \
			'--detach[do not wait for it]' \
			'--pid-file=[write its pid to FILE]:FILE:_files' \
			'--console-socket=[socket that gets the terminal'\''s master]:PATH:_files' \
			'--pidfd-socket=[socket that gets a pidfd]:PATH:_files' \
			'--process-label=[SELinux label]:LABEL:_files' \
			'--apparmor=[AppArmor profile]:PROFILE:_files' \
			'--no-new-privs[set no_new_privs]' \
			'*--cap=[add a capability]:CAP:_files' \
			'--preserve-fds=[pass descriptors 3 to 3+N-1 on]:N:_files' \
			'--cgroup=[cgroup below the container'\''s]:PATH:_files' \
			'--resources=[limits of its own, as linux.resources (JSON)]:FILE:_files' \
			'--trace=[write where the time went to FILE, for Perfetto or `ctr trace`]:FILE:_files' \
			'--ignore-paused[also into a paused container]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		pause) _arguments \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		resume) _arguments \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		update) _arguments \
			'--resources=[a linux.resources object (JSON); - for standard input]:FILE:_files' \
			'--blkio-weight=[block IO weight, 10 to 1000]:N:_files' \
			'--cpu-period=[CPU period in microseconds]:US:_files' \
			'--cpu-quota=[CPU time per period; -1\: no limit]:US:_files' \
			'--cpu-burst=[CPU time that may be saved up]:US:_files' \
			'--cpu-share=[relative weight, 2 to 262144]:N:_files' \
			'--cpu-idle=[run only when nothing else wants to]:0|1:_files' \
			'--cpuset-cpus=[CPUs it may use]:LIST:_files' \
			'--cpuset-mems=[memory nodes it may use]:LIST:_files' \
			'--memory=[memory limit; -1\: none; K, M, G are understood]:BYTES:_files' \
			'--memory-reservation=[memory kept for it]:BYTES:_files' \
			'--memory-swap=[memory plus swap; -1\: no limit]:BYTES:_files' \
			'--memory-high=[above it the container is slowed down; -1\: no limit]:BYTES:_files' \
			'--memory-min=[memory that is never taken from it]:BYTES:_files' \
			'--oom-group=[lack of memory ends all of it, not one process]:0|1:_files' \
			'--pids-limit=[number of processes; -1\: no limit]:N:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		checkpoint) _arguments \
			'--image-path=[where the images are (default\: checkpoint)]:DIR:_files' \
			'--work-path=[where criu'\''s log goes (default\: the images'\'')]:DIR:_files' \
			'--tcp-established[allow open TCP connections]' \
			'--tcp-close[close TCP connections]' \
			'--ext-unix-sk[allow UNIX sockets of the outside]' \
			'--shell-job[allow a session or terminal of the outside]' \
			'--file-locks[keep file locks]' \
			'--link-remap[allow files that are open and removed]' \
			'--auto-dedup[images do not repeat memory of earlier ones]' \
			'--lazy-pages[memory follows when it is needed]' \
			'--manage-cgroups-mode=[what criu does with cgroups\: soft, full, strict, ignore (default\: ignore)]:MODE:_files' \
			'--network-lock=[iptables or nftables]:METHOD:_files' \
			'*--empty-ns=[make the namespace, leave its content to others]:network:_files' \
			'--parent-path=[images of an earlier --pre-dump, relative to the images]:DIR:_files' \
			'--pre-dump[memory only; the container runs on]' \
			'--leave-running[the container runs on]' \
			'--tcp-skip-in-flight[leave out TCP connections that are being made]' \
			'--page-server=[memory goes there]:ADDRESS\:PORT:_files' \
			'--status-fd=[criu says there that lazy pages are ready]:N:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		restore) _arguments \
			'--bundle=[the bundle (default\: .)]:DIR:_files' \
			'--pid-file=[write the first process'\''s pid to FILE]:FILE:_files' \
			'--pidfd-socket=[socket that gets a pidfd]:PATH:_files' \
			'--console-socket=[socket that gets the terminal'\''s master]:PATH:_files' \
			'--detach[do not wait for the program]' \
			'--image-path=[where the images are (default\: checkpoint)]:DIR:_files' \
			'--work-path=[where criu'\''s log goes (default\: the images'\'')]:DIR:_files' \
			'--tcp-established[allow open TCP connections]' \
			'--tcp-close[close TCP connections]' \
			'--ext-unix-sk[allow UNIX sockets of the outside]' \
			'--shell-job[allow a session or terminal of the outside]' \
			'--file-locks[keep file locks]' \
			'--link-remap[allow files that are open and removed]' \
			'--auto-dedup[images do not repeat memory of earlier ones]' \
			'--lazy-pages[memory follows when it is needed]' \
			'--manage-cgroups-mode=[what criu does with cgroups\: soft, full, strict, ignore (default\: ignore)]:MODE:_files' \
			'--network-lock=[iptables or nftables]:METHOD:_files' \
			'*--empty-ns=[make the namespace, leave its content to others]:network:_files' \
			'--lsm-profile=[another AppArmor or SELinux label]:TYPE\:NAME:_files' \
			'--lsm-mount-context=[another SELinux context of mounts]:CONTEXT:_files' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		spec) _arguments \
			'--bundle=[where config.json goes (default\: .)]:DIR:_files' \
			'--rootless[one that an ordinary user can run]' \
			'--check=[report every error of FILE instead]:FILE:_files' \
			'--help[explain this command]' '*::command:_normal' ;;
		features) _arguments \
			'--help[explain this command]' '*::command:_normal' ;;
		events) _arguments \
			'--interval=[between statistics (default 5s)]:TIME:_files' \
			'--stats[print the statistics once]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		stats) _arguments \
			'--format=[table (default) or json]:FORMAT:_files' \
			'--interval=[between two tables (default 2s)]:TIME:_files' \
			'--once[print one table and end]' \
			'--help[explain this command]' '1:container:_ctr_ids' ;;
		probe) _arguments \
			'--json[print the report as JSON]' \
			'--require=[only check these (kvm, userns, cgroup2, seccomp, ...)\: the status is 1 if one is missing]:NAMES:_files' \
			'--help[explain this command]' '*::command:_normal' ;;
		sandbox) _arguments \
			'*--rw=[PATH is visible and writable]:PATH:_files' \
			'*--ro=[PATH is visible, read-only (also inside a writable one)]:PATH:_files' \
			'*--bind=[SRC is visible at DST; OPT\: ro, noexec, ...]:SRC\:DST\[\:OPT,...\]:_files' \
			'*--tmpfs=[an empty directory in memory]:PATH:_files' \
			'--overlay[changes to the current directory are kept apart (diff, apply, discard)]' \
			'--overlay-root[the root is writable, and its changes are kept apart]' \
			'--root=[the root\: a directory, a bundle or an OCI image layout]:DIR\[\:TAG\]:_files' \
			'*--device=[a device of the host]:PATH:_files' \
			'--gui[the display (Wayland or X11) and the fonts]' \
			'*--env=[set a variable, or take the caller'\''s]:NAME\[=VALUE\]:_files' \
			'--workdir=[where the command starts (default\: the current directory)]:DIR:_files' \
			'--user=[who the caller is inside (default\: himself)]:root|UID\[\:GID\]:_files' \
			'--net=[network (default\: none)]:none|host|pasta:_files' \
			'*--publish=[with --net pasta\: connections from outside]:HOST\:INSIDE\[/udp\]:_files' \
			'--memory=[limit of memory, such as 512m]:SIZE:_files' \
			'--cpus=[limit of processor time, such as 1.5]:N:_files' \
			'--pids=[limit of processes and threads]:N:_files' \
			'--seccomp=[filter of system calls (default\: default)]:FILE|default|off:_files' \
			'--landlock[do not rule the paths by Landlock too]' \
			'--init[the command itself is pid 1]' \
			'--vm[in a micro-VM, with a kernel of its own]' \
			'*--profile=[more options, from ~/.config/ctr or /etc/ctr/NAME.sandbox]:NAME:_files' \
			'--name=[for exec, kill, delete and other commands, and of the kept changes]:NAME:_files' \
			'--detach[do not wait; prints the name where none is given]' \
			'--save=[write the configuration to FILE, for a bundle with an empty rootfs]:FILE:_files' \
			'--explain[say what the command could see, write and reach; start nothing]' \
			'--dry-run[print the plan as JSON and start nothing]' \
			'--help[explain this command]' '*::command:_normal' ;;
		completion) _arguments \
			'--help[explain this command]' '*::command:_normal' ;;
		trace) _arguments \
			'--help[explain this command]' '*::command:_normal' ;;
		vm) _arguments \
			'--kernel=[kernel image (default\: the newest of /boot)]:FILE:_files' \
			'--help[explain this command]' '*::command:_normal' ;;
		esac ;;
	esac
}
_ctr "$@"

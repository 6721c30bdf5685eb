# bash completion for ctr: printed by `ctr completion bash`.
_ctr()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command= options= ids= i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --log | --log-format | --cgroup-manager | --rootless | --isolation) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'')
		options="--root --log --log-format --debug --systemd-cgroup --cgroup-manager --rootless --isolation --version "
		ids="create start run state kill delete list ps exec pause resume update checkpoint restore spec features events stats probe sandbox completion trace vm "
		;;
	create)
		options="--bundle --config --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --overlay --init --dry-run --trace --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	start)
		options="--trace --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	run)
		options="--bundle --config --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --overlay --init --dry-run --trace --detach --keep --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	state)
		options="--help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	kill)
		options="--all --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	delete)
		options="--force --strict --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	list)
		options="--format --quiet --help"
		;;
	ps)
		options="--format --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	exec)
		options="--process --cwd --env --tty --user --additional-gids --detach --pid-file --console-socket --pidfd-socket --process-label --apparmor --no-new-privs --cap --preserve-fds --cgroup --resources --trace --ignore-paused --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	pause)
		options="--help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	resume)
		options="--help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	update)
		options="--resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-idle --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --memory-high --memory-min --oom-group --pids-limit --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	checkpoint)
		options="--image-path --work-path --tcp-established --tcp-close --ext-unix-sk --shell-job --file-locks --link-remap --auto-dedup --lazy-pages --manage-cgroups-mode --network-lock --empty-ns --parent-path --pre-dump --leave-running --tcp-skip-in-flight --page-server --status-fd --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	restore)
		options="--bundle --pid-file --pidfd-socket --console-socket --detach --image-path --work-path --tcp-established --tcp-close --ext-unix-sk --shell-job --file-locks --link-remap --auto-dedup --lazy-pages --manage-cgroups-mode --network-lock --empty-ns --lsm-profile --lsm-mount-context --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	spec)
		options="--bundle --rootless --check --help"
		;;
	features)
		options="--help"
		;;
	events)
		options="--interval --stats --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	stats)
		options="--format --interval --once --help"
		ids=$(ctr list --quiet 2>/dev/null)
		;;
	probe)
		options="--json --require --help"
		;;
	sandbox)
		options="--rw --ro --bind --tmpfs --overlay --overlay-root --root --device --gui --env --workdir --user --net --publish --memory --cpus --pids --seccomp --landlock --init --vm --profile --name --detach --save --explain --dry-run --help"
		;;
	completion)
		options="--help"
		;;
	trace)
		options="--help"
		;;
	vm)
		options="--kernel --help"
		;;
	esac
	if [[ $cur = -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	elif [ -n "$ids" ]; then
		COMPREPLY=($(compgen -W "$ids" -- "$cur"))
	fi
}
complete -o default -o bashdefault -F _ctr ctr

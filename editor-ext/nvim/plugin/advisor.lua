-- Defines the commands. Nothing starts before require('advisor').setup() is called.

if vim.g.loaded_advisor then
  return
end
vim.g.loaded_advisor = true

if vim.fn.has('nvim-0.7') == 0 then
  vim.notify('advisor: Neovim 0.7 or newer is needed', vim.log.levels.ERROR)
  return
end

require('advisor.commands').define()
